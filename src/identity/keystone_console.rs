//! Sessions of the console where Keystone has the users: it judges the proof and makes the token.
//!
//! Keystone sees every sign-in come from this service's one address, so failures are counted here as those of own users are:
//! by account and by the address that they come from. A locked one is refused without a question.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{
    Caller, DEFAULT_DOMAIN, Identity, Session,
    failures::tried,
    keystone::session,
    lines::Share,
    share_of,
    sign_in::{Named, Proof, WantedScope},
    unauthenticated,
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    keystone::Keystone,
};

impl Identity {
    /// As [`Identity::sign_in`]; one proof is taken.
    pub(super) async fn sign_in_at(
        &self,
        keystone: &Keystone,
        proofs: &[Proof],
        scope: &WantedScope,
        from: Option<IpAddr>,
    ) -> Result<(String, Session)> {
        let [proof] = proofs else { return Err(Error::Invalid("Sign in with one proof.".into())) };
        let tried = account(proof).map(|account| tried(&account, share_of(from)));
        if tried.is_some_and(|tried| self.failures.is_locked(&tried, now_ms(), 0)) {
            return Err(unauthenticated());
        }
        let made = {
            let _place = self.lines.take(Share::of_address(from)).await?;
            keystone.sign_in(&auth(proof, scope)).await?
        };
        let Some(bearer) = made else {
            tried.into_iter().for_each(|tried| self.count_failure(tried, 0));
            return Err(unauthenticated());
        };
        tried.into_iter().for_each(|tried| self.failures.forget(&tried));
        let token = keystone.token(&bearer, false).await?.ok_or_else(unauthenticated)?;
        let session = session(keystone, &token, &bearer)?;
        Ok((bearer, session))
    }

    /// As [`Identity::caller`].
    pub(super) async fn caller_at(
        &self,
        keystone: &Keystone,
        bearer: &str,
        request_id: String,
        address: Option<IpAddr>,
    ) -> Result<Caller> {
        let token = self.ask(keystone, bearer, false, address).await?.ok_or_else(unauthenticated)?;
        let session = session(keystone, &token, bearer)?;
        Ok(Caller::of(session.into(), request_id, address))
    }

    /// As [`Identity::own_projects`].
    pub(super) async fn own_projects_at(&self, keystone: &Keystone, caller: &Caller) -> Result<Vec<(String, String)>> {
        let bearer = caller.session.as_ref().and_then(|session| session.bearer.as_ref());
        let Some(bearer) = bearer else { return Ok(Vec::new()) };
        let own = keystone.projects_of(bearer.expose()).await?;
        Ok(own.into_iter().map(|project| (project.id, project.name)).collect())
    }
}

/// The account whose failures are counted; a token that is exchanged is no guess.
fn account(proof: &Proof) -> Option<String> {
    match proof {
        Proof::Password { user: Named::Id(id), .. } => Some(format!("keystone {id}")),
        // Keystone compares names without regard to case.
        Proof::Password { user: Named::Name { name, domain }, .. } => {
            Some(format!("keystone {} {}", domain.to_lowercase(), name.to_lowercase()))
        }
        Proof::Credential { credential, .. } => Some(format!("keystone credential {credential}")),
        Proof::Token(_) => None,
    }
}

/// A proof and a scope in Keystone's words.
fn auth(proof: &Proof, scope: &WantedScope) -> Value {
    let identity = match proof {
        Proof::Password { user, password } => {
            let mut user = named(user);
            user["password"] = json!(password.expose());
            json!({"methods": ["password"], "password": {"user": user}})
        }
        Proof::Token(token) => json!({"methods": ["token"], "token": {"id": token.expose()}}),
        Proof::Credential { credential, user, secret } => {
            let mut proof = json!({"secret": secret.expose()});
            match user {
                None => proof["id"] = json!(credential),
                Some(user) => (proof["name"], proof["user"]) = (json!(credential), named(user)),
            }
            json!({"methods": ["application_credential"], "application_credential": proof})
        }
    };
    let scope = match scope {
        WantedScope::Default => return json!({"identity": identity}),
        WantedScope::Unscoped => json!("unscoped"),
        WantedScope::Project(project) => json!({"project": named(project)}),
        WantedScope::Domain(domain) => json!({"domain": of_domain(domain)}),
        WantedScope::System => json!({"system": {"all": true}}),
    };
    json!({"identity": identity, "scope": scope})
}

fn named(thing: &Named) -> Value {
    match thing {
        Named::Id(id) => json!({"id": id}),
        Named::Name { name, domain } => json!({"name": name, "domain": of_domain(domain)}),
    }
}

/// People type a domain's name; the default one goes by the id that every Keystone gives it.
fn of_domain(domain: &str) -> Value {
    if domain == DEFAULT_DOMAIN { json!({"id": domain}) } else { json!({"name": domain}) }
}
