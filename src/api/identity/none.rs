//! Lists that clients ask for and that are truly empty here, and the reason why nothing can be added to them.

use axum::{Json, extract::Path, http::Uri};
use serde_json::json;

use super::{
    super::{
        caller::Asked,
        error::{Answer, ApiError},
        not_offered::{self, NotOffered},
    },
    lists::Unread,
};

/// Keystone's resources that there are none of here, and why.
pub(in crate::api) const NOT_OFFERED: &NotOffered = &[
    ("OS-EC2", NO_EC2),
    ("OS-ENDPOINT-POLICY", FIXED_RULES),
    ("OS-EP-FILTER", "Every project sees the same catalog."),
    (
        "OS-FEDERATION",
        "The users here are this service's own; a Keystone (identity.mode = \"keystone\") federates others.",
    ),
    ("OS-OAUTH1", INSTEAD),
    ("OS-OAUTH2", INSTEAD),
    ("OS-TRUST", INSTEAD),
    ("credentials", NO_EC2),
    ("ec2tokens", NO_EC2),
    ("limits", LIMITS),
    ("policies", FIXED_RULES),
    ("registered_limits", LIMITS),
];

const FIXED_RULES: &str = "The rules of who may do what are part of this program, and the same for all.";
const INSTEAD: &str =
    "A program acts for its user with an application credential, which can be bound to single requests.";
const LIMITS: &str = "The usual limits are settings of the service ([quota]); a project's own are at os-quota-sets and \
                      /effigy/v1/projects/PROJECT/quota.";
const NO_EC2: &str = "There are no keys of EC2 and no other credentials than passwords and application credentials.";

/// A path that there is not.
pub(super) async fn path(asked: Result<Asked, ApiError>, uri: Uri) -> ApiError {
    not_offered::path(NOT_OFFERED, asked, word(&uri))
}

/// A method that a path does not have.
pub(super) async fn method(asked: Result<Asked, ApiError>, uri: Uri) -> ApiError {
    not_offered::method(NOT_OFFERED, asked, word(&uri))
}

/// The word that says what is asked for: the extension's, wherever it is, or the first within `/identity/v3`.
fn word(uri: &Uri) -> &str {
    let path = uri.path();
    let path = path.strip_prefix("/v3/").unwrap_or(path);
    path.split('/').find(|word| word.starts_with("OS-")).unwrap_or_else(|| path.split('/').next().unwrap_or_default())
}

fn none(name: &str, unread: Unread, known: &'static [&'static str]) -> Answer {
    Ok(Json(unread.knowing(known)?.shown(name, Vec::<String>::new(), |id| id, |id| id.as_str().into())))
}

/// `GET /v3/registered_limits`
pub(super) async fn registered_limits(_: Asked, unread: Unread) -> Answer {
    none("registered_limits", unread, &["service_id", "region_id", "resource_name"])
}

/// `GET /v3/limits`
pub(super) async fn limits(_: Asked, unread: Unread) -> Answer {
    none("limits", unread, &["service_id", "region_id", "resource_name", "project_id", "domain_id"])
}

/// `GET /v3/credentials`
pub(super) async fn credentials(_: Asked, unread: Unread) -> Answer {
    none("credentials", unread, &["user_id", "type"])
}

/// `GET /v3/policies`
pub(super) async fn policies(_: Asked, unread: Unread) -> Answer {
    none("policies", unread, &["type"])
}

/// `GET /v3/limits/model`: each project's limit stands alone.
pub(super) async fn model(_: Asked) -> Answer {
    let description = "The limit of a project holds for itself alone, wherever it stands.";
    Ok(Json(json!({"model": {"name": "flat", "description": description}})))
}

/// `GET /v3/OS-TRUST/trusts`
pub(super) async fn trusts(_: Asked, unread: Unread) -> Answer {
    none("trusts", unread, &["trustor_user_id", "trustee_user_id"])
}

/// `GET /v3/OS-OAUTH1/consumers`
pub(super) async fn consumers(_: Asked, unread: Unread) -> Answer {
    none("consumers", unread, &[])
}

/// `GET /v3/OS-EP-FILTER/endpoint_groups`
pub(super) async fn endpoint_groups(_: Asked, unread: Unread) -> Answer {
    none("endpoint_groups", unread, &["name"])
}

/// `GET /v3/OS-EP-FILTER/projects/{project}/endpoint_groups`
pub(super) async fn endpoint_groups_of_project(_: Asked, unread: Unread) -> Answer {
    none("endpoint_groups", unread, &[])
}

/// `GET /v3/OS-EP-FILTER/projects/{project}/endpoints`: none is the project's own.
pub(super) async fn endpoints_of_project(_: Asked, unread: Unread) -> Answer {
    none("endpoints", unread, &[])
}

/// `GET /v3/OS-EP-FILTER/endpoints/{endpoint}/projects`
pub(super) async fn projects_of_endpoint(_: Asked, unread: Unread) -> Answer {
    none("projects", unread, &[])
}

/// `GET /v3/users/{user}/OS-OAUTH1/access_tokens`
pub(super) async fn access_tokens(_: Asked, unread: Unread) -> Answer {
    none("access_tokens", unread, &[])
}

/// `GET /v3/OS-FEDERATION/identity_providers`
pub(super) async fn identity_providers(_: Asked, unread: Unread) -> Answer {
    none("identity_providers", unread, &["id", "enabled"])
}

/// `GET /v3/OS-FEDERATION/service_providers`
pub(super) async fn service_providers(_: Asked, unread: Unread) -> Answer {
    none("service_providers", unread, &["id", "enabled"])
}

/// `GET /v3/OS-FEDERATION/mappings`
pub(super) async fn mappings(_: Asked, unread: Unread) -> Answer {
    none("mappings", unread, &[])
}

/// `GET /v3/users/{id}/credentials/OS-EC2`
pub(super) async fn ec2(Asked { rooms, caller, .. }: Asked, Path(user): Path<String>, unread: Unread) -> Answer {
    rooms.identity.user(&caller, &user).await?;
    none("credentials", unread, &[])
}
