//! OpenStack Image v2.

use axum::Router;

use super::Api;

/// Every URL below `/image`.
pub fn routes() -> Router<Api> {
    Router::new()
}
