//! OpenStack Compute v2.1.

use axum::Router;

use super::Api;

/// Every URL below `/compute`.
pub fn routes() -> Router<Api> {
    Router::new()
}
