//! The notes that a request carries on its way: its id, its URL as it was sent, and its action for the audit.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, Uri};

use crate::identity::{
    Caller,
    sign_in::{Named, Proof},
};

/// This request's id, `req-…`, as the answer carries it.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The URL as it was sent: below `nest`, a request knows only the rest of it.
#[derive(Clone, Debug)]
pub struct WholeUri(pub Uri);

/// The action and the target of a request, noted on its way for the audit event.
#[derive(Clone, Debug, Default)]
pub struct Trail(Arc<Mutex<Noted>>);

/// The notes.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    pub caller: Option<Caller>,
    /// The user who tried to sign in, as the request named it.
    pub tried: Option<String>,
    /// Whether a proof of an identity was brought.
    pub is_tried: bool,
    /// The action, where the URL does not tell it.
    pub action: Option<String>,
    /// The target, where the URL does not tell it.
    pub target: Option<String>,
}

impl Trail {
    /// The notes so far.
    pub fn noted(&self) -> Noted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes who asks.
    pub fn asks(&self, caller: &Caller) {
        self.note(|noted| noted.caller = Some(caller.clone()));
    }

    /// Notes who tries to sign in.
    pub fn tries(&self, proofs: &[Proof]) {
        let tried = proofs.iter().find_map(|proof| match proof {
            Proof::Password { user: Named::Id(who), .. }
            | Proof::Password { user: Named::Name { name: who, .. }, .. } => Some(who.clone()),
            Proof::Credential { credential, .. } => Some(format!("application credential {credential}")),
            Proof::Token(_) => None,
        });
        self.note(|noted| (noted.tried, noted.is_tried) = (tried, true));
    }

    /// Notes who somebody without a token says it is.
    pub fn tries_as(&self, who: &str) {
        self.note(|noted| (noted.tried, noted.is_tried) = (Some(who.to_owned()), true));
    }

    /// Notes the action and its target, where the URL does not tell them.
    pub fn does(&self, action: &str, target: Option<String>) {
        self.note(|noted| (noted.action, noted.target) = (Some(action.to_owned()), target));
    }

    fn note(&self, write: impl FnOnce(&mut Noted)) {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The client's own id of its request, if it is one: it goes to the log and the audit.
pub fn client_request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-openstack-request-id")?.to_str().ok()?;
    let is_plain = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then(|| id.to_owned())
}
