//! What was found inside an image, stated and signed.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use crate::{
    api::{Api, caller::Authenticated, error::ApiError, image::image_id},
    images::Verification,
};

/// `GET /images/{id}/verification`
pub(super) async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(shown(&api.images.verification(&caller, image_id(&image)?).await?)))
}

/// `POST /images/{id}/verification`: once more.
pub(super) async fn again(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.images.verify_again(&caller, image_id(&image)?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `GET /verification-key`: the public half of the deployment's key. It says nothing of anybody, so it needs no token.
pub(super) async fn key(State(api): State<Api>) -> Json<Value> {
    let key = api.images.inspector().key();
    Json(json!({"keyid": key.id(), "algorithm": "ed25519", "public_key": key.public_pem()}))
}

fn shown(verification: &Verification) -> Value {
    let predicate = verification.statement.as_ref().map(|statement| &statement.predicate);
    json!({
        "state": verification.state,
        "progress": verification.progress,
        "verdict": predicate.map(|predicate| predicate.verdict),
        "reasons": predicate.map(|predicate| &predicate.reasons),
        "verified_at": predicate.map(|predicate| &predicate.verified_at),
        "verifier": predicate.map(|predicate| &predicate.verifier),
        "report": predicate.and_then(|predicate| predicate.report.as_ref()),
        "statement": verification.envelope,
    })
}
