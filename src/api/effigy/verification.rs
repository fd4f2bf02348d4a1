//! The findings of an image's verification, stated and signed.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::document::Refusals;
use crate::{
    api::{
        Api,
        caller::Asked,
        error::{Answer, ErrorBody},
        image::image_id,
    },
    error::{Error, Result},
    images::Verification,
    inspect::{Statement, Verdict},
    model::verification::VerificationState,
};

/// Where the verification of an image is, and what it came to. The statement's fields are null when
/// nothing is stated, or when the statement is not believed.
#[derive(Serialize, ToSchema)]
#[schema(as = Verification)]
pub(super) struct Shown {
    state: VerificationState,
    /// Percent, while it runs.
    progress: Option<i64>,
    verdict: Option<Verdict>,
    /// Why it failed, a sentence each.
    reasons: Option<Vec<String>>,
    #[schema(format = DateTime)]
    verified_at: Option<String>,
    /// The version of Effigy that verified it.
    verifier: Option<String>,
    report: Option<guest::Report>,
    statement: Option<Envelope>,
}

/// The signed statement: an in-toto statement in a DSSE envelope. `effigy verify` checks it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload_type: String,
    /// The statement in Base64.
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize, ToSchema)]
struct Signature {
    keyid: String,
    /// The signature in Base64.
    sig: String,
}

/// The public half of the key that this deployment signs its statements with.
#[derive(Serialize, ToSchema)]
#[schema(as = VerificationKey)]
pub(super) struct Key {
    keyid: String,
    algorithm: &'static str,
    /// The key, as PEM.
    public_key: String,
}

/// Shows the verification of an image.
#[utoipa::path(
    get, path = "/images/{image}/verification", operation_id = "show_verification", tag = "verification",
    params(("image" = String, Path, format = Uuid, description = "An image's id")),
    responses(
        (status = 200, description = "Where it is, and what it came to", body = Shown),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn show(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>) -> Answer<Json<Shown>> {
    Ok(Json(shown(rooms.images.verification(&caller, image_id(&image)?).await?)?))
}

/// Verifies an image again.
#[utoipa::path(
    post, path = "/images/{image}/verification", operation_id = "verify_image", tag = "verification",
    params(("image" = String, Path, format = Uuid, description = "An image's id")),
    responses(
        (status = 202, description = "It will be verified"),
        (status = 403, description = "The caller may not change the image", body = ErrorBody),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        (status = 409, description = "It has no bytes yet", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn again(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>) -> Answer<StatusCode> {
    rooms.images.verify_again(&caller, image_id(&image)?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Shows the public key of the deployment.
///
/// The key is public, so it needs no token.
#[utoipa::path(
    get, path = "/verification-key", operation_id = "show_verification_key", tag = "verification", security(()),
    responses((status = 200, description = "The key", body = Key)),
)]
pub(super) async fn key(State(rooms): State<Api>) -> Json<Key> {
    let key = rooms.images.inspector().key();
    Json(Key { keyid: key.id().to_owned(), algorithm: "ed25519", public_key: key.public_pem() })
}

fn shown(verification: Verification) -> Result<Shown> {
    let mut shown = Shown {
        state: verification.state,
        progress: verification.progress,
        verdict: None,
        reasons: None,
        verified_at: None,
        verifier: None,
        report: None,
        statement: verification.envelope.map(serde_json::from_value).transpose().map_err(Error::internal)?,
    };
    if let Some(Statement { predicate, .. }) = verification.statement {
        shown.verdict = Some(predicate.verdict);
        shown.reasons = Some(predicate.reasons);
        shown.verified_at = Some(predicate.verified_at);
        shown.verifier = Some(predicate.verifier);
        shown.report = predicate.report;
    }
    Ok(shown)
}
