//! From a request's headers to its [`Caller`].

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{
    Api,
    at_work::AtWork,
    client::Client,
    cookie,
    error::ApiError,
    links::PublicUrl,
    trail::{RequestId, Trail, WholeUri},
};
use crate::{
    error::Error,
    identity::{
        Caller,
        access_rules::AccessRule,
        keystone::{Bearers, Known},
        lines::Share,
    },
    keystone::Keystone,
};

/// The rooms, the caller and the address: every handler whose request must have a caller takes this.
#[derive(Clone)]
pub struct Asked {
    /// The rooms that can answer.
    pub rooms: Api,
    pub caller: Caller,
    /// The address clients know the service by, for links.
    pub url: String,
}

impl FromRequestParts<Api> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rooms: &Api) -> Result<Asked, ApiError> {
        let keystone = rooms.identity.keystone();
        // Of all that a client may say of itself, only its tokens are read.
        let header = |name| parts.headers.get(name).filter(|token| !token.is_empty());
        let named =
            parts.headers.get("x-auth-token").or_else(|| header("x-storage-token").filter(|_| keystone.is_some()));
        // The console's cookie counts only where no token is named.
        let user = match named {
            Some(token) => token.to_str().ok(),
            None => cookie::token(rooms, parts)?,
        };
        let user = user.ok_or_else(unauthenticated)?;
        // One that cannot be read is there all the same, and not valid.
        let service = header("x-service-token").map(|token| token.to_str().unwrap_or_default());
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let address = parts.extensions.get::<Client>().and_then(|client| client.0);
        let Known { caller, is_vouched } = rooms.identity.known(Bearers { user, service }, request_id, address).await?;
        // Before the audit knows the caller: a request that is refused here changed nothing, and its event would cost more
        // than the refusal.
        if let Some(at_work) = parts.extensions.get::<AtWork>().cloned() {
            at_work.enter(&rooms.lines, Share::of(&caller)).await?;
        }
        if let Some(trail) = parts.extensions.get::<Trail>() {
            trail.asks(&caller);
        }
        if !is_vouched {
            check_access_rules(&caller, parts, keystone)?;
        }
        parts.extensions.insert(caller.clone());
        let url = PublicUrl::of(rooms, &parts.headers).0;
        Ok(Asked { rooms: rooms.clone(), caller, url })
    }
}

/// Refuses what the access rules of an application credential do not name.
///
/// keystonemiddleware judges the path below the service's own prefix, so that is what the rules are written for. Behind
/// Keystone, where the service has the kind that its operator gave it, they may also be written with that prefix.
fn check_access_rules(caller: &Caller, parts: &Parts, keystone: Option<&Keystone>) -> Result<(), Error> {
    let credential = caller.session.as_ref().and_then(|session| session.credential.as_ref());
    let Some(rules) = credential.and_then(|credential| credential.access_rules.as_ref()) else { return Ok(()) };
    let path = parts.extensions.get::<WholeUri>().map_or(parts.uri.path(), |uri| uri.0.path());
    let (service, rest) = match path[1..].split_once('/') {
        Some((service, rest)) => (service, format!("/{rest}")),
        None => (&path[1..], "/".to_owned()),
    };
    let method = parts.method.as_str();
    let allows = |rule: &AccessRule| match keystone.map(Keystone::service_type) {
        None => rule.allows(service, method, &rest),
        Some(kind) => rule.allows(kind, method, path) || (service == "image" && rule.allows(kind, method, &rest)),
    };
    if rules.read()?.iter().any(allows) {
        return Ok(());
    }
    // keystonemiddleware answers 401 here.
    Err(Error::Unauthenticated("The access rules of this application credential do not allow this request.".into()))
}

/// The answer to a request with neither a token nor a session.
pub(super) fn unauthenticated() -> Error {
    Error::Unauthenticated("The request you have made requires authentication.".into())
}
