//! `/openapi.json`: what is said of Effigy's own API as a whole. The rest of it stands with the handlers.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::{
    IntoResponses, PartialSchema as _, ToSchema as _,
    openapi::{
        ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response,
        ResponseBuilder,
        security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme},
    },
};

use crate::api::error::ErrorBody;

const ABOUT: &str = "Effigy's own API, beyond OpenStack's: images by kind with their verdicts, \
                     what is inside an image, stated and signed, cleaned copies, what a project uses, \
                     does and shares, and the audit. The OpenStack APIs that \
                     this service answers too (Identity v3 below /identity, Image v2 below /image, Compute v2.1 below \
                     /compute, a part of Networking below /network) are specified by OpenStack and not in this \
                     document. A token is from the Identity API, `POST /identity/v3/auth/tokens`. Every answer carries \
                     its request's id in `X-Openstack-Request-Id`.";

/// The document before any handler is in it.
pub(super) fn blank() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Effigy")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license));
    let token = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Auth-Token")));
    let mut parts = Vec::new();
    ErrorBody::schemas(&mut parts);
    let components = ComponentsBuilder::new()
        .schema(ErrorBody::name(), ErrorBody::schema())
        .schemas_from_iter(parts)
        .security_scheme("token", token);
    OpenApiBuilder::new()
        .info(info.build())
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new("token", [] as [&str; 0])]))
        .build()
}

/// The document as it is served.
pub(super) fn text(document: &OpenApi) -> String {
    let mut document = serde_json::to_value(document).expect("a document is made of nothing but JSON");
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    schemas.into_iter().flat_map(|schemas| schemas.values_mut()).for_each(require_nulls);
    document.to_string()
}

/// A field that may be null is always there, and one that may be left out is never null; the derive takes the one for
/// the other.
fn require_nulls(schema: &mut Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let null = Value::from("null");
    let may_be_null = |property: &Value| {
        let is_in = |list: &Value| list.as_array().is_some_and(|types| types.contains(&null));
        let choices = property["oneOf"].as_array().into_iter().flatten();
        is_in(&property["type"]) || choices.into_iter().any(|choice| choice["type"] == null)
    };
    let nulls: Vec<Value> =
        properties.iter().filter(|(_, property)| may_be_null(property)).map(|(name, _)| name.as_str().into()).collect();
    let mut required = schema["required"].as_array().cloned().unwrap_or_default();
    required.extend(nulls);
    if !required.is_empty() {
        schema["required"] = required.into();
    }
}

/// The refusals of every operation that needs a token, and whatever else may go wrong with it.
pub(super) enum Refusals {}

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let refusal = |status: &str, says: &str| (status.to_owned(), RefOr::T(error(says)));
        [
            refusal("401", "There is no token, or it is not valid any more"),
            refusal("default", "The service cannot answer now (408, 429, 503), or failed (500)"),
        ]
        .into()
    }
}

fn error(says: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
    ResponseBuilder::new().description(says).content("application/json", content).build()
}
