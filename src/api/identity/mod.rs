//! OpenStack Identity v3.

use axum::Router;

use super::Api;

/// Every URL below `/identity`.
pub fn routes() -> Router<Api> {
    Router::new()
}
