//! Resources of OpenStack that there are none of here: 501 with the reason, where a bare 404 or 405 would leave a client's
//! user to guess. Their lists, where clients ask for them before they do anything else, are pages of their own and empty.

use axum::http::StatusCode;

use super::{caller::Asked, error::ApiError};
use crate::error::Error;

/// The first word of a path, and why there is nothing behind it.
pub(super) type NotOffered = [(&'static str, &'static str)];

/// The answer to a path that there is not.
pub(super) fn path(not_offered: &NotOffered, asked: Result<Asked, ApiError>, word: &str) -> ApiError {
    reason(not_offered, asked, word).unwrap_or_else(|| Error::NotFound("There is nothing at this URL.".into()).into())
}

/// The answer to a method that a path does not have.
pub(super) fn method(not_offered: &NotOffered, asked: Result<Asked, ApiError>, word: &str) -> ApiError {
    let message = "Something else can be done at this URL; the header Allow names it.";
    reason(not_offered, asked, word).unwrap_or_else(|| ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message))
}

/// A stranger is asked for a token first, as everywhere.
fn reason(not_offered: &NotOffered, asked: Result<Asked, ApiError>, word: &str) -> Option<ApiError> {
    let (_, why) = not_offered.iter().find(|(absent, _)| *absent == word)?;
    Some(asked.err().unwrap_or_else(|| ApiError::new(StatusCode::NOT_IMPLEMENTED, *why)))
}
