//! OpenStack Identity v3.

use axum::{
    Router,
    routing::{get, post},
};

use super::Api;

mod discovery;
mod tokens;

pub use discovery::versions;

/// Every URL below `/identity`.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/", get(discovery::versions))
        .route("/v3", get(discovery::version))
        .route("/v3/", get(discovery::version))
        .route("/v3/auth/tokens", post(tokens::issue).get(tokens::show).delete(tokens::revoke))
        .route("/v3/auth/catalog", get(tokens::catalog))
}

/// A time as Keystone writes it: microseconds that are always zero.
fn stamp(ms: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (at.date(), at.time());
    format!("{date}T{:02}:{:02}:{:02}.000000Z", clock.hour(), clock.minute(), clock.second())
}
