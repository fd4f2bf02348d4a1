//! Rights that are held for longer than a request: an open console, a download, an upload, a job. Each is asked again.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::FutureExt as _;
use tokio_util::task::AbortOnDropHandle;

use super::{Caller, Identity, Role, Scope, unauthenticated};
use crate::{
    db::now_ms,
    error::{Error, Result},
    model::credential::ScopeKind,
};

/// How often a right that is held is asked again; sessions are believed for about as long.
const ASKED: Duration = Duration::from_secs(1);
/// A token with less time than this is not asked for any more: Keystone's clock may be as much ahead.
const LAST_MS: i64 = 5_000;

/// The end of a right that is held, and why. It is asked for in a task of its own: the one who waits may be held up by
/// a client that takes nothing, and must not hold a connection of the database meanwhile.
pub struct RightEnds(AbortOnDropHandle<Error>);

impl RightEnds {
    /// Asks every second, for as long as this is kept.
    pub fn when<F>(asked: impl Fn() -> F + Send + 'static) -> RightEnds
    where
        F: Future<Output = Result<()>> + Send,
    {
        RightEnds(AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                tokio::time::sleep(ASKED).await;
                if let Some(error) = ended(asked().await) {
                    return error;
                }
            }
        })))
    }
}

impl Future for RightEnds {
    type Output = Error;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Error> {
        Poll::Ready(ready!(self.0.poll_unpin(context)).unwrap_or_else(Error::internal))
    }
}

/// The reason why a right has ended, if it has. A database or a Keystone that does not answer, or cannot, ends nothing:
/// while it is away, nobody can take a right away either.
pub fn ended(asked: Result<()>) -> Option<Error> {
    asked.err().filter(|error| {
        matches!(error, Error::Unauthenticated(_) | Error::Forbidden(_) | Error::NotFound(_) | Error::Gone(_))
    })
}

impl Identity {
    /// The caller as its rights stand now, for bytes under way and for jobs. Unlike [`Identity::again`], a token whose time
    /// is over takes nothing away, as large images take longer than a token lives, and a job has none: then the roles
    /// are read that its user holds now. Of a caller whom Keystone knows, nobody can ask without a token; it stays as it was.
    ///
    /// # Errors
    /// `Unauthenticated` when the token was ended before its time, or its user or project is gone or disabled.
    pub async fn still(&self, caller: &Caller) -> Result<Caller> {
        let session = caller.session.as_deref();
        let lives = || session.is_some_and(|session| session.expires_ms > now_ms() + LAST_MS);
        if lives() {
            match self.again(caller).await {
                // Its time ran out between the two.
                Err(Error::Unauthenticated(_)) if !lives() => {}
                other => return other,
            }
        }
        let scope = match (&caller.project, session.map(|session| &session.scope)) {
            (Some(project), _) => Some((ScopeKind::Project, project.id.to_string())),
            (None, Some(Scope::Domain(domain))) => Some((ScopeKind::Domain, domain.id.clone())),
            (None, Some(Scope::System)) => Some((ScopeKind::System, "all".to_owned())),
            (None, _) => None,
        };
        let Some((kind, target)) = scope.filter(|_| self.keystone.is_none() && !caller.is_operator()) else {
            return Ok(caller.clone());
        };
        let user = caller.user.id.to_string();
        if !self.db.may_work(&user, kind, &target).await? {
            return Err(unauthenticated());
        }
        let roles = self.db.roles_held(&user, kind, &target).await?;
        let held = roles.iter().filter_map(|role| Role::named(&role.name)).max();
        // Never more than it was given: an application credential may carry less than its user holds.
        Ok(Caller { role: caller.role.min(held), ..caller.clone() })
    }
}
