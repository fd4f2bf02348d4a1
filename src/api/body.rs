//! Bodies of JSON: bounded in size and in the time that they may take.

use std::{error::Error as _, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use tokio::time::{error::Elapsed, timeout};

use super::{
    Api, Rooms,
    error::{Answer, ApiError},
};
use crate::error::Error;

/// The largest JSON body: a list of properties, tags and user data fits many times.
const MAX_JSON_BYTES: usize = 1 << 20;

/// A JSON body, whatever the client says its type is; what does not fit is a 400 that says where.
#[derive(Clone, Debug)]
pub struct JsonBody<T>(pub T);

/// The same where the body may be left out.
#[derive(Clone, Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, rooms: &Api) -> Answer<JsonBody<T>> {
        parse(&whole(request, rooms).await?).map(JsonBody)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Api> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, rooms: &Api) -> Answer<OptionalJson<T>> {
        let body = whole(request, rooms).await?;
        if body.is_empty() { Ok(OptionalJson(T::default())) } else { parse(&body).map(OptionalJson) }
    }
}

/// The whole body of a request that has JSON in it.
pub(super) async fn whole(request: Request, rooms: &Rooms) -> Answer<Bytes> {
    read(request.into_body(), rooms.patience).await.map_err(|error| {
        let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
        if causes.clone().any(|cause| cause.is::<LengthLimitError>()) {
            return Error::TooLarge(format!("A JSON body has at most {MAX_JSON_BYTES} bytes.")).into();
        }
        if causes.any(|cause| cause.is::<Elapsed>()) {
            let message = format!("The body did not come within {} s.", rooms.patience.as_secs());
            return ApiError::new(StatusCode::REQUEST_TIMEOUT, message);
        }
        Error::Invalid("The body ended early.".into()).into()
    })
}

/// Reads a body of JSON, and waits for it no longer than this.
pub(super) async fn read(body: Body, patience: Duration) -> Result<Bytes, axum::Error> {
    timeout(patience, axum::body::to_bytes(body, MAX_JSON_BYTES)).await.map_err(axum::Error::new)?
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    let parsed = serde_json::from_slice(body);
    Ok(parsed.map_err(|error| Error::Invalid(format!("The body is not what was expected: {error}.")))?)
}
