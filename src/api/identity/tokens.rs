//! `/v3/auth/tokens`: sign in, look at a token, sign out.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{
    Api, body::JsonBody, caller::Asked, client::Client, error::Answer, links::PublicUrl, paging::Query, times,
    trail::Trail,
};
use crate::{
    error::{Error, Result},
    identity::{
        DEFAULT_DOMAIN, Scope, Session,
        catalog::{Endpoint, Listed},
        passwords::Secret,
        sign_in::{Named, Proof, WantedScope},
    },
};

const SUBJECT: HeaderName = HeaderName::from_static("x-subject-token");
/// Which version of access rules a validator enforces.
const ACCESS_RULES: HeaderName = HeaderName::from_static("openstack-identity-access-rules");

#[derive(Deserialize)]
pub(super) struct SignIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    identity: Methods,
    scope: Option<Value>,
}

#[derive(Deserialize)]
struct Methods {
    methods: Vec<String>,
    password: Option<ByPassword>,
    token: Option<ByToken>,
    application_credential: Option<ByCredential>,
}

#[derive(Deserialize)]
struct ByPassword {
    user: PasswordUser,
}

#[derive(Deserialize)]
struct PasswordUser {
    #[serde(flatten)]
    who: Who,
    password: Secret,
}

#[derive(Deserialize)]
struct ByToken {
    id: Secret,
}

#[derive(Deserialize)]
struct ByCredential {
    id: Option<String>,
    name: Option<String>,
    user: Option<Who>,
    secret: Secret,
}

/// A user, project or domain by id, or by name in a domain.
#[derive(Deserialize)]
struct Who {
    id: Option<String>,
    name: Option<String>,
    domain: Option<Box<Who>>,
}

impl Who {
    /// The domain may be left out: most clouds have one.
    fn named(self, what: &str) -> Result<Named> {
        // No name has a NUL, and PostgreSQL would not even look for one.
        if [&self.id, &self.name].into_iter().flatten().any(|text| text.contains('\0')) {
            return Err(Error::Invalid(format!("The {what}'s id or name contains a NUL character.")));
        }
        if let Some(id) = self.id {
            return Ok(Named::Id(id));
        }
        let name =
            self.name.ok_or_else(|| Error::Invalid(format!("The {what} needs an id, or a name and a domain.")))?;
        let domain = self.domain.and_then(|domain| domain.id.or(domain.name));
        Ok(Named::Name { name, domain: domain.unwrap_or_else(|| DEFAULT_DOMAIN.into()) })
    }
}

/// `POST /v3/auth/tokens`
pub(super) async fn issue(
    State(rooms): State<Api>,
    base: PublicUrl,
    trail: Extension<Trail>,
    client: Client,
    query: Query,
    JsonBody(body): JsonBody<SignIn>,
) -> Answer<Response> {
    let scope = scope(body.auth.scope)?;
    let proofs = proofs(body.auth.identity)?;
    trail.tries(&proofs);
    let (token, session) = rooms.identity.sign_in(&proofs, &scope, client.0).await?;
    let services = rooms.identity.catalog(&base.0).await?;
    let shown = shown(&session, with_catalog(&query).then_some(&services))?;
    Ok((StatusCode::CREATED, subject(&token), Json(shown)).into_response())
}

/// `GET` and `HEAD /v3/auth/tokens`
pub(super) async fn show(Asked { rooms, caller, url }: Asked, query: Query, headers: HeaderMap) -> Answer<Response> {
    let token = asked_for(&headers)?;
    let session = rooms.identity.show_token(&caller, token, flag(&query, "allow_expired") == Some(true)).await?;
    // As Keystone: a service that does not know of access rules would let the token do everything there.
    let is_bound = session.credential.as_ref().is_some_and(|credential| credential.access_rules.is_some());
    if is_bound && !knows_access_rules(&headers) {
        let message = "The token is bound by access rules: validate it with keystonemiddleware 7 or later, \
                       or with the header OpenStack-Identity-Access-Rules: 1.0, and enforce them.";
        return Err(Error::NotFound(message.into()).into());
    }
    let services = rooms.identity.catalog(&url).await?;
    let shown = shown(&session, with_catalog(&query).then_some(&services))?;
    Ok((subject(token), Json(shown)).into_response())
}

/// `DELETE /v3/auth/tokens`; with `cascade=false` what was exchanged for the token stays (Keystone's word).
pub(super) async fn revoke(Asked { rooms, caller, .. }: Asked, query: Query, headers: HeaderMap) -> Answer<StatusCode> {
    let token = asked_for(&headers)?;
    match flag(&query, "cascade") {
        Some(false) => rooms.identity.revoke_token_alone(&caller, token).await?,
        Some(true) | None => rooms.identity.revoke_token(&caller, token).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v3/auth/catalog`
pub(super) async fn catalog(Asked { rooms, caller, url }: Asked) -> Answer {
    if caller.session.as_ref().is_none_or(|session| matches!(session.scope, Scope::Unscoped)) {
        return Err(Error::Forbidden("The catalog is shown to scoped tokens only.".into()).into());
    }
    let services = rooms.identity.catalog(&url).await?;
    let link = format!("{}/identity/v3/auth/catalog", url);
    Ok(Json(json!({"catalog": listed(&services), "links": {"self": link, "next": null, "previous": null}})))
}

fn asked_for(headers: &HeaderMap) -> Result<&str> {
    let token = headers.get(SUBJECT).and_then(|value| value.to_str().ok());
    token.ok_or_else(|| Error::Invalid("Name the token in the header X-Subject-Token.".into()))
}

fn knows_access_rules(headers: &HeaderMap) -> bool {
    let version = headers.get(ACCESS_RULES).and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok());
    version.is_some_and(|version| version >= 1.0)
}

fn subject(token: &str) -> [(HeaderName, HeaderValue); 2] {
    let token = HeaderValue::from_str(token).unwrap_or(HeaderValue::from_static(""));
    [(SUBJECT, token), (axum::http::header::VARY, HeaderValue::from_static("X-Auth-Token"))]
}

/// A flag: Keystone takes everything but the words for no as a yes.
fn flag(query: &Query, name: &str) -> Option<bool> {
    let word = query.one(name)?.to_ascii_lowercase();
    Some(!["false", "0", "no", "off", "f", "n"].contains(&word.as_str()))
}

/// Keystone takes the bare word as a flag.
fn with_catalog(query: &Query) -> bool {
    query.one("nocatalog").is_none()
}

fn proofs(identity: Methods) -> Result<Vec<Proof>> {
    let Methods { methods, mut password, mut token, mut application_credential } = identity;
    let absent = |method: &str| {
        Error::Invalid(format!("The body names the method '{method}' but has no auth.identity.{method}."))
    };
    let mut proofs = Vec::new();
    for method in &methods {
        proofs.push(match method.as_str() {
            "password" => {
                let user = password.take().ok_or_else(|| absent(method))?.user;
                Proof::Password { user: user.who.named("user")?, password: user.password }
            }
            "token" => Proof::Token(token.take().ok_or_else(|| absent(method))?.id),
            "application_credential" => credential(application_credential.take().ok_or_else(|| absent(method))?)?,
            other => {
                return Err(Error::Unauthenticated(format!(
                    "There is no method '{other}' here: use password, token or application_credential."
                )));
            }
        });
    }
    if proofs.is_empty() {
        return Err(Error::Invalid("auth.identity.methods names no method.".into()));
    }
    Ok(proofs)
}

fn credential(given: ByCredential) -> Result<Proof> {
    match (given.id, given.name, given.user) {
        (Some(id), _, _) => Ok(Proof::Credential { credential: id, user: None, secret: given.secret }),
        (None, Some(name), Some(user)) => {
            Ok(Proof::Credential { credential: name, user: Some(user.named("user")?), secret: given.secret })
        }
        _ => Err(Error::Invalid("An application credential needs its id, or its name and its user.".into())),
    }
}

fn scope(scope: Option<Value>) -> Result<WantedScope> {
    let part = |value: &Value| -> Result<Who> {
        Who::deserialize(value).map_err(|error| Error::Invalid(format!("auth.scope: {error}")))
    };
    let scope = match scope {
        None | Some(Value::Null) => return Ok(WantedScope::Default),
        Some(Value::String(word)) if word == "unscoped" => return Ok(WantedScope::Unscoped),
        Some(scope) => scope,
    };
    if let Some(project) = scope.get("project") {
        return Ok(WantedScope::Project(part(project)?.named("project")?));
    }
    if let Some(domain) = scope.get("domain") {
        let domain = part(domain)?;
        let named = domain.id.or(domain.name);
        return named
            .map(WantedScope::Domain)
            .ok_or_else(|| Error::Invalid("The domain needs an id or a name.".into()));
    }
    if scope.get("system").is_some_and(|system| system["all"] == true) {
        return Ok(WantedScope::System);
    }
    if scope.get("unscoped").is_some() {
        return Ok(WantedScope::Unscoped);
    }
    Err(Error::Invalid("auth.scope must be a project, a domain, the system ({\"all\": true}) or \"unscoped\".".into()))
}

/// A session as Keystone shows a token.
fn shown(session: &Session, services: Option<&Vec<Listed>>) -> Result<Value> {
    let mut token = json!({
        "methods": session.methods,
        "user": {
            "id": session.user.id,
            "name": session.user.name,
            "domain": {"id": session.user_domain.id, "name": session.user_domain.name},
            "password_expires_at": null,
        },
        "audit_ids": session.audit_ids,
        "issued_at": times::micros_z(session.issued_ms),
        "expires_at": times::micros_z(session.expires_ms),
    });
    match &session.scope {
        Scope::Unscoped => return Ok(json!({"token": token})),
        Scope::Project(project, domain) => {
            token["project"] = json!({
                "id": project.id,
                "name": project.name,
                "domain": {"id": domain.id, "name": domain.name},
            });
            token["is_domain"] = false.into();
        }
        Scope::Domain(domain) => token["domain"] = json!({"id": domain.id, "name": domain.name}),
        Scope::System => token["system"] = json!({"all": true}),
    }
    let roles = session.roles.iter().map(|role| json!({"id": role.id, "name": role.name}));
    token["roles"] = roles.collect();
    if let Some(services) = services {
        token["catalog"] = listed(services);
    }
    if let Some(credential) = &session.credential {
        let restricted = !credential.unrestricted;
        token["application_credential"] =
            json!({"id": credential.id, "name": credential.name, "restricted": restricted});
        if let Some(rules) = &credential.access_rules {
            token["application_credential"]["access_rules"] = json!(rules.read()?);
        }
    }
    Ok(json!({"token": token}))
}

fn listed(services: &[Listed]) -> Value {
    let endpoint = |endpoint: &Endpoint| {
        json!({
            "id": endpoint.id,
            "interface": endpoint.interface,
            "region": endpoint.region_id,
            "region_id": endpoint.region_id,
            "url": endpoint.url,
        })
    };
    let service = |listed: &Listed| {
        json!({
            "id": listed.service.id,
            "type": listed.service.kind,
            "name": listed.service.name,
            "endpoints": listed.endpoints.iter().map(endpoint).collect::<Value>(),
        })
    };
    services.iter().map(service).collect()
}
