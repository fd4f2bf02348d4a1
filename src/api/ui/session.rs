//! `/session`: the console's session, which is a token behind a cookie.
//!
//! Nothing is kept before a user has signed in, and the token appears in no answer's body.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::{
        Api, Rooms,
        body::JsonBody,
        caller::{self, Asked},
        client::Client,
        cloud, cookie,
        error::Answer,
        paging, times,
        trail::{RequestId, Trail},
    },
    error::{Error, Result},
    identity::{
        Caller, DEFAULT_DOMAIN, Session,
        passwords::Secret,
        sign_in::{Named, Proof, WantedScope},
    },
};

/// A person's proof: a password, or an application credential by its id.
#[derive(Deserialize)]
#[serde(untagged)]
enum Proven {
    Password { user: String, password: Secret, domain: Option<String> },
    Credential { credential: String, secret: Secret },
}

#[derive(Deserialize)]
pub(super) struct Begin {
    #[serde(flatten)]
    proof: Proven,
    /// The project to work in, by id: where this person worked last. Another is taken when it is not theirs.
    project: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rescope {
    project: String,
}

/// `POST /session`
pub(super) async fn begin(
    State(rooms): State<Api>,
    Extension(trail): Extension<Trail>,
    Extension(request): Extension<RequestId>,
    client: Client,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Begin>,
) -> Answer<Response> {
    cookie::check_origin(&rooms, &headers)?;
    // A browser that cannot be given a cookie is refused before the password is checked.
    cookie::begin(&headers, "", None)?;
    let proofs = [proof(body.proof)];
    trail.tries(&proofs);
    let (token, session) = rooms.identity.sign_in(&proofs, &WantedScope::Default, client.0).await?;
    let caller = rooms.identity.caller(&token, request.0, client.0).await?;
    let (token, session) = settle(&rooms, &caller, token, session, body.project).await?;
    let caller = rooms.identity.caller(&token, caller.request_id, client.0).await?;
    let shown = shown(&rooms, &caller, &session).await?;
    let begun = (StatusCode::CREATED, Json(shown)).into_response();
    // Another person may have signed in here before, in the same projects.
    let mut cookies = cookie::end(&headers);
    cookies.extend(cookie::begin(&headers, &token, id_of(&session).as_deref())?);
    Ok(with(begun, cookies))
}

fn proof(proven: Proven) -> Proof {
    match proven {
        Proven::Password { user, password, domain } => {
            let domain = domain.filter(|domain| !domain.is_empty()).unwrap_or_else(|| DEFAULT_DOMAIN.into());
            Proof::Password { user: Named::Name { name: user, domain }, password }
        }
        Proven::Credential { credential, secret } => Proof::Credential { credential, user: None, secret },
    }
}

/// Moves a fresh session into the project worked in last, or else into any, when it is in none yet.
async fn settle(
    rooms: &Rooms,
    caller: &Caller,
    token: String,
    session: Session,
    last: Option<String>,
) -> Result<(String, Session)> {
    if session.project().is_some_and(|project| last.as_ref().is_none_or(|last| *last == project.id.to_string())) {
        return Ok((token, session));
    }
    let own = rooms.identity.own_projects(caller, paging::MAX_PAGE).await?;
    let last = own.iter().find(|(id, _)| Some(id) == last.as_ref());
    let Some((project, _)) = last.or_else(|| own.first().filter(|_| session.project().is_none())) else {
        return Ok((token, session));
    };
    enter(rooms, caller, &token, project.clone()).await
}

/// Exchanges the token for one in another project. The old one goes on: other tabs and uploads work with it.
async fn enter(rooms: &Rooms, caller: &Caller, token: &str, project: String) -> Result<(String, Session)> {
    let scope = WantedScope::Project(Named::Id(project));
    rooms.identity.sign_in(&[Proof::Token(Secret::new(token))], &scope, caller.address).await
}

/// `GET /session`
pub(super) async fn show(Asked { rooms, caller, .. }: Asked) -> Answer<Response> {
    let session = caller.session.clone().ok_or_else(caller::unauthenticated)?;
    let shown = shown(&rooms, &caller, &session).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(shown)).into_response())
}

/// `PUT /session`: brings the session into a project, beside those that it is in.
pub(super) async fn rescope(
    Asked { rooms, caller, .. }: Asked,
    Extension(request): Extension<RequestId>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Rescope>,
) -> Answer<Response> {
    let token = cookie::read(&headers).ok_or_else(caller::unauthenticated)?;
    let (token, session) = enter(&rooms, &caller, token, body.project).await.map_err(|error| match error {
        // The session itself lives: it is the project that is not this person's.
        Error::Unauthenticated(_) => Error::Forbidden("You have no role in this project.".into()),
        other => other,
    })?;
    let caller = rooms.identity.caller(&token, request.0, caller.address).await?;
    let shown = shown(&rooms, &caller, &session).await?;
    Ok(with(Json(shown).into_response(), cookie::begin(&headers, &token, id_of(&session).as_deref())?))
}

/// `DELETE /session`: in every project.
pub(super) async fn end(Asked { rooms, caller, .. }: Asked, headers: HeaderMap) -> Answer<Response> {
    for token in cookie::tokens(&headers) {
        match rooms.identity.revoke_token(&caller, token).await {
            // One that has ended, or that ended with another of them.
            Ok(()) | Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(with(StatusCode::NO_CONTENT.into_response(), cookie::end(&headers)))
}

/// An answer that nobody keeps, with these cookies.
fn with(mut response: Response, cookies: Vec<HeaderValue>) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn id_of(session: &Session) -> Option<String> {
    session.project().map(|project| project.id.to_string())
}

/// The user who is signed in, the project, and the features of this deployment.
async fn shown(rooms: &Rooms, caller: &Caller, session: &Session) -> Result<Value> {
    let own = rooms.identity.own_projects(caller, paging::MAX_PAGE).await?;
    let projects: Vec<_> = own.iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
    let of_cloud = cloud::has_compute(rooms, session).await?;
    let roles: Vec<_> = session.roles.iter().map(|role| &role.name).collect();
    Ok(json!({
        "user": {"id": session.user.id, "name": session.user.name, "domain": session.user_domain.name},
        "project": session.project().map(|project| json!({"id": project.id, "name": project.name})),
        "projects": projects,
        "roles": roles,
        "is_admin": caller.is_admin(),
        "expires_at": times::micros_z(session.expires_ms),
        "sharing": rooms.images.sharing(),
        "runs_instances": rooms.instances.are_enabled() || of_cloud,
        "of_cloud": of_cloud,
        "keystone": rooms.identity.keystone().is_some(),
        "min_password_chars": rooms.identity.min_password_chars(),
        "cleans": rooms.instances.can_clean(),
        "stores": rooms.stores.all().len(),
        "version": crate::VERSION,
    }))
}
