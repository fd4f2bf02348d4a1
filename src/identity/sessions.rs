//! Where a user is signed in: each sign-in, with the tokens that its own was exchanged for. A person reviews them here and
//! ends those that are not theirs any more. Tokens of application credentials are reviewed with the credentials.

use super::{Caller, Identity, policy, unauthenticated};
use crate::{
    db::now_ms,
    error::{Error, Result},
    model::credential::OwnToken,
};

/// Tokens that are looked at, the newest: a program that signs in for each call leaves many.
const MAX_TOKENS: u32 = 1000;

/// A sign-in that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The audit id of its first token.
    pub id: String,
    /// When its first living token was made, in milliseconds since 1970.
    pub began_ms: i64,
    pub expires_ms: i64,
    /// The address that it was last used from for a token.
    pub address: Option<String>,
    /// The names of the projects that it is in.
    pub projects: Vec<String>,
    /// Whether the caller asks with it.
    pub is_this: bool,
}

impl Identity {
    /// The caller's own sign-ins, the newest first.
    ///
    /// # Errors
    /// `Forbidden` with an application credential; `NotFound` where users are another service's.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<SignedIn>> {
        let this = self.own_session(caller)?;
        let tokens = self.db.own_tokens(&caller.user.id.to_string(), now_ms(), MAX_TOKENS).await?;
        Ok(together(tokens, &this))
    }

    /// Ends one of the caller's own sign-ins, in every project.
    ///
    /// # Errors
    /// As [`Identity::sessions`]; `NotFound` for one that is not there.
    pub async fn end_session(&self, caller: &Caller, id: &str) -> Result<()> {
        self.own_session(caller)?;
        let ended = self.db.end_session(&caller.user.id.to_string(), id).await?;
        self.sessions.forget();
        let missing = || Error::NotFound("This session has ended already.".into());
        if ended == 0 { Err(missing()) } else { Ok(()) }
    }

    /// Ends all of the caller's own sign-ins but the one that it asks with.
    ///
    /// # Errors
    /// As [`Identity::sessions`].
    pub async fn end_other_sessions(&self, caller: &Caller) -> Result<()> {
        let this = self.own_session(caller)?;
        self.db.end_other_sessions(&caller.user.id.to_string(), &this).await?;
        self.sessions.forget();
        Ok(())
    }

    /// The id of the sign-in that the caller asks with.
    fn own_session(&self, caller: &Caller) -> Result<String> {
        policy::review_sessions(caller)?;
        self.is_own()?;
        let first = caller.session.as_ref().and_then(|session| session.audit_ids.last());
        first.cloned().ok_or_else(unauthenticated)
    }
}

/// Tokens, the newest first, by the sign-ins that they began with.
fn together(tokens: Vec<OwnToken>, this: &str) -> Vec<SignedIn> {
    let mut sessions: Vec<SignedIn> = Vec::new();
    for token in tokens {
        let found = sessions.iter().position(|session| session.id == token.first_audit_id);
        let at = found.unwrap_or_else(|| {
            let is_this = token.first_audit_id == this;
            let (began_ms, expires_ms, address) = (token.issued_ms, token.expires_ms, token.address);
            let id = token.first_audit_id;
            sessions.push(SignedIn { id, began_ms, expires_ms, address, projects: Vec::new(), is_this });
            sessions.len() - 1
        });
        let session = &mut sessions[at];
        session.began_ms = session.began_ms.min(token.issued_ms);
        session.expires_ms = session.expires_ms.max(token.expires_ms);
        session.projects.extend(token.project.filter(|name| !session.projects.contains(name)));
    }
    sessions
}
