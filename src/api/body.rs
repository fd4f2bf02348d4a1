//! Bodies of JSON: bounded in size, in the time that they may take, and in the memory that all of them hold.
//!
//! Until its caller is known, a body has room for a sign-in and no more. So a handler of anything else takes the caller
//! first ([`super::caller::Asked`]).

use std::{ops::Deref, sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    extract::{FromRequest, Request},
    http::StatusCode,
};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    Api, Rooms,
    error::{Answer, ApiError},
};
use crate::{error::Error, identity::Caller};

/// The largest JSON body: a list of properties, tags and user data fits many times.
const MAX_JSON_BYTES: usize = 1 << 20;
/// The largest body of a stranger: the longest password fits, and three proofs at once.
const MAX_UNKNOWN_BYTES: usize = 16 * 1024;
/// Bodies that are read at once, 64 MiB of them.
const SMALL_AT_ONCE: usize = 4096;
/// Of those, the ones that may be larger than a stranger's: 64 MiB more, which no stranger can take from the others.
const LARGE_AT_ONCE: usize = 64;

/// The places for bodies that are read.
pub struct Bodies {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Default for Bodies {
    fn default() -> Bodies {
        Bodies::new(SMALL_AT_ONCE, LARGE_AT_ONCE)
    }
}

impl Bodies {
    fn new(small: usize, large: usize) -> Bodies {
        Bodies { small: Arc::new(Semaphore::new(small)), large: Arc::new(Semaphore::new(large)) }
    }
}

/// A body, and its places for as long as it is held.
#[derive(Debug)]
pub(super) struct Whole {
    bytes: Vec<u8>,
    _places: Vec<OwnedSemaphorePermit>,
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

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
pub(super) async fn whole(request: Request, rooms: &Rooms) -> Answer<Whole> {
    let is_known = request.extensions().get::<Caller>().is_some();
    let limit = if is_known { MAX_JSON_BYTES } else { MAX_UNKNOWN_BYTES };
    let read = timeout(rooms.patience, read(request.into_body(), limit, &rooms.bodies)).await;
    read.unwrap_or_else(|_| Err(late(rooms.patience)))
}

async fn read(mut body: Body, limit: usize, bodies: &Bodies) -> Answer<Whole> {
    let too_large = || Error::TooLarge(format!("A JSON body has at most {limit} bytes here."));
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large().into());
    }
    let mut places = vec![place(&bodies.small)?];
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::Invalid("The body ended early.".into()))?;
        let Ok(data) = frame.into_data() else { continue };
        let size = bytes.len() + data.len();
        if size > limit {
            return Err(too_large().into());
        }
        if size > MAX_UNKNOWN_BYTES && places.len() == 1 {
            places.push(place(&bodies.large)?);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Whole { bytes, _places: places })
}

fn place(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    let busy = |_| Error::Unavailable("too many requests are being read; try again in a few seconds".into());
    of.clone().try_acquire_owned().map_err(busy)
}

fn late(patience: Duration) -> ApiError {
    let message = format!("The body did not come within {} s.", patience.as_secs());
    ApiError::new(StatusCode::REQUEST_TIMEOUT, message)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    let parsed = serde_json::from_slice(body);
    Ok(parsed.map_err(|error| Error::Invalid(format!("The body is not what was expected: {error}.")))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn status(size: usize, limit: usize, bodies: &Bodies) -> Result<Whole, StatusCode> {
        read(Body::from(vec![b' '; size]), limit, bodies).await.map_err(|error| error.status)
    }

    #[tokio::test]
    async fn bodies_that_are_held_are_bounded_and_small_ones_have_places_of_their_own() {
        let bodies = Bodies::new(3, 1);
        let large = status(MAX_UNKNOWN_BYTES + 1, MAX_JSON_BYTES, &bodies).await.unwrap();
        let second = status(MAX_UNKNOWN_BYTES + 1, MAX_JSON_BYTES, &bodies).await;
        assert_eq!(second.unwrap_err(), StatusCode::SERVICE_UNAVAILABLE);
        let small = [status(10, MAX_UNKNOWN_BYTES, &bodies).await, status(10, MAX_UNKNOWN_BYTES, &bodies).await];
        assert!(small.iter().all(Result::is_ok));
        assert_eq!(status(10, MAX_JSON_BYTES, &bodies).await.unwrap_err(), StatusCode::SERVICE_UNAVAILABLE);
        drop((large, small));
        assert_eq!(status(MAX_JSON_BYTES, MAX_JSON_BYTES, &bodies).await.unwrap().len(), MAX_JSON_BYTES);
    }

    #[tokio::test]
    async fn body_without_a_length_is_bounded_too() {
        let bodies = Bodies::default();
        let pieces = futures::stream::iter((0..5).map(|_| Ok::<_, std::io::Error>(vec![b' '; 4096])));
        let error = read(Body::from_stream(pieces), MAX_UNKNOWN_BYTES, &bodies).await.unwrap_err();
        assert_eq!(error.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
