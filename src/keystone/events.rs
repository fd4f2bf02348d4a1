//! Revocations: Keystone is asked every few seconds, and tokens that it has revoked are forgotten.
//!
//! To forget a token costs one question the next time it is used, so an event that names more than is understood here
//! forgets too many rather than too few.

use std::time::Duration;

use serde::Deserialize;
use time::{OffsetDateTime, macros::format_description};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    Keystone,
    token::{Scope, Token, milliseconds},
};
use crate::db::now_ms;

/// Events are asked for from so long before the last question: clocks differ, and an answer may be older than the
/// revocation that came while it was on its way.
const OVERLAP_MS: i64 = 60_000;

/// A revocation. Without any of the ids it is of every token.
#[derive(Debug, Default, Deserialize)]
struct Event {
    user_id: Option<String>,
    project_id: Option<String>,
    domain_id: Option<String>,
    domain_scope_id: Option<String>,
    role_id: Option<String>,
    audit_id: Option<String>,
    audit_chain_id: Option<String>,
    issued_before: Option<String>,
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Event>,
}

impl Keystone {
    /// Forgets what Keystone revokes, until `stop`.
    pub async fn follow(self, stop: CancellationToken) {
        let every = Duration::from_secs(self.0.settings.revocation_poll_seconds);
        if every.is_zero() {
            return;
        }
        let mut asked_ms = now_ms();
        while stop.run_until_cancelled(sleep(every)).await.is_some() {
            let now = now_ms();
            // A token that is read from now on is as Keystone has it now.
            let is_known = self.0.known.iter().next().is_some();
            if !is_known || self.forget_revoked(asked_ms - OVERLAP_MS).await {
                asked_ms = now;
            }
        }
    }

    /// Whether Keystone told its revocations since a moment; the tokens that they are of are forgotten.
    async fn forget_revoked(&self, since_ms: i64) -> bool {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let since = OffsetDateTime::from_unix_timestamp(since_ms / 1000).ok().and_then(|time| time.format(format).ok());
        let Ok(body) = self.0.client.revocations(&since.unwrap_or_default()).await else { return false };
        let events = match serde_json::from_slice::<Events>(&body) {
            Ok(read) => read.events,
            Err(error) => {
                tracing::error!("Keystone's revocations cannot be read: {error}");
                // As if all were revoked.
                vec![Event::default()]
            }
        };
        for (hash, token) in &self.0.known {
            if events.iter().any(|event| event.is_of(&token)) {
                self.0.known.invalidate(&*hash);
            }
        }
        true
    }
}

impl Event {
    fn is_of(&self, token: &Token) -> bool {
        let is = |wanted: &Option<String>, found: &[&str]| {
            wanted.as_ref().is_none_or(|wanted| found.contains(&wanted.as_str()))
        };
        let project: &[&str] = match &token.scope {
            Scope::Project(project) => &[&project.id],
            _ => &[],
        };
        let roles: Vec<&str> = token.roles.iter().map(|role| role.id.as_str()).collect();
        let audit: Vec<&str> = token.audit_ids.iter().map(String::as_str).collect();
        let chain = &audit[audit.len().saturating_sub(1)..];
        // Keystone writes when a token was issued in whole seconds.
        let is_before =
            self.issued_before.as_deref().and_then(milliseconds).is_none_or(|ms| token.issued_ms <= ms + 999);
        is_before
            && is(&self.user_id, &[&token.user.id])
            && is(&self.project_id, project)
            && is(&self.domain_id, &token.domains())
            && is(&self.domain_scope_id, &token.domains())
            && is(&self.role_id, &roles)
            && is(&self.audit_id, &audit)
            && is(&self.audit_chain_id, chain)
    }
}
