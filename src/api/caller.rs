//! From a request's headers to its [`Caller`].

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::request::Parts,
};

use super::{
    Api,
    error::ApiError,
    web::{RequestId, Trail},
};
use crate::{error::Error, identity::Caller};

/// The caller of a request that must have one.
#[derive(Clone, Debug)]
pub struct Authenticated(pub Caller);

impl FromRequestParts<Api> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Authenticated, ApiError> {
        let token = parts
            .headers
            .get("x-auth-token")
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| Error::Unauthenticated("The request you have made requires authentication.".into()))?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let caller = api.identity.caller(token, request_id, address).await?;
        if let Some(trail) = parts.extensions.get::<Trail>() {
            trail.asks(&caller);
        }
        parts.extensions.insert(caller.clone());
        Ok(Authenticated(caller))
    }
}
