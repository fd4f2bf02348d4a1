//! Signing in: the proofs of an identity, the scope that is asked for, and the token.
//!
//! Unknown user, wrong password, disabled and locked user look and cost the same: one hash, one counted failure,
//! one answer. So do the credentials of programs, whether their secrets are kept as slow hashes or not.

use std::{net::IpAddr, sync::atomic::Ordering};

use super::{
    DEFAULT_DOMAIN, Identity, Session,
    failures::{Rule, Tried, tried},
    lines::{Place, Share},
    options,
    passwords::Secret,
    share_of,
    tokens::{new_audit_id, new_token, no_such_token},
    unauthenticated,
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    model::{
        credential::{CredentialRow, NewToken, ScopeKind},
        people::User,
    },
};

/// The longest lock, in seconds: a hundred years.
const MAX_LOCK_SECS: i64 = 100 * 365 * 24 * 3600;
/// An application credential has this part of the tokens that its user may have.
const OF_A_CREDENTIAL: u32 = 10;
/// Rows whose time has passed are deleted at most this often.
const PURGE_EVERY_MS: i64 = 60 * 1000;

/// A user, a project or a domain, named by its id, or by its name in a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By its id.
    Id(String),
    /// By its name, in the domain of this id or name.
    Name {
        name: String,
        /// The id or the name of its domain.
        domain: String,
    },
}

impl Named {
    /// By name in the default domain.
    pub fn in_default_domain(name: impl Into<String>) -> Named {
        Named::Name { name: name.into(), domain: DEFAULT_DOMAIN.into() }
    }
}

/// A proof of identity.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A user's password.
    Password {
        /// The user.
        user: Named,
        /// The password as it was typed.
        password: Secret,
    },
    /// A token, to be exchanged.
    Token(Secret),
    /// An application credential.
    Credential {
        /// Its id, or its name.
        credential: String,
        /// Its user, when `credential` is a name.
        user: Option<Named>,
        /// Its secret.
        secret: Secret,
    },
}

/// The scope that is asked for: the new token's roles hold there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedScope {
    /// The user's default project if it still holds a role there, else nowhere.
    Default,
    /// Nowhere.
    Unscoped,
    Project(Named),
    /// A domain, by id or name.
    Domain(String),
    System,
}

/// A proven identity.
struct Proven {
    user: User,
    methods: Vec<String>,
    parent: Option<Session>,
    credential: Option<CredentialRow>,
}

/// A scope that the user holds roles in.
struct Granted {
    kind: ScopeKind,
    id: String,
}

impl Granted {
    fn unscoped() -> Granted {
        Granted { kind: ScopeKind::Unscoped, id: String::new() }
    }
}

impl Identity {
    /// Makes a token for a user who proves an identity. The token is shown here and never again.
    ///
    /// # Errors
    /// `Unauthenticated` when a proof fails or nothing is held in the scope, without saying which; `TooMany` when too many
    /// wait at this address; `Unavailable` when Keystone has the users and is out of reach.
    pub async fn sign_in(
        &self,
        proofs: &[Proof],
        scope: &WantedScope,
        from: Option<IpAddr>,
    ) -> Result<(String, Session)> {
        if let Some(keystone) = &self.keystone {
            return self.sign_in_at(keystone, proofs, scope, from).await;
        }
        let mut place = Some(self.lines.take(Share::of_address(from)).await?);
        self.purge().await?;
        let share = share_of(from);
        let mut proven: Option<Proven> = None;
        for proof in proofs {
            let next = self.prove(proof, share, &mut place).await?;
            proven = Some(match proven {
                None => next,
                Some(first) => both(first, next)?,
            });
        }
        let proven = proven.ok_or_else(unauthenticated)?;
        let granted = self.grant(&proven, scope).await?;
        self.issue(proven, granted, from).await
    }

    async fn prove(&self, proof: &Proof, share: IpAddr, place: &mut Option<Place>) -> Result<Proven> {
        match proof {
            Proof::Password { user, password } => {
                let user = self.check_password(user, password, share, place).await?;
                Ok(Proven { user, methods: vec!["password".into()], parent: None, credential: None })
            }
            Proof::Token(token) => self.check_token(token).await,
            Proof::Credential { credential, user, secret } => {
                self.check_credential(credential, user.as_ref(), secret, share, place).await
            }
        }
    }

    /// The user whose password this is; every way to fail looks and costs the same. The request's place is given back
    /// before a turn is waited for: turns are slow, and other requests of the address are not to wait for them.
    pub(super) async fn check_password(
        &self,
        named: &Named,
        password: &Secret,
        share: IpAddr,
        place: &mut Option<Place>,
    ) -> Result<User> {
        let user = match named {
            Named::Id(id) => self.db.user(id).await?,
            Named::Name { name, domain } => self.db.user_named(name, domain).await?,
        };
        let domain = match &user {
            Some(user) => self.db.domain(&user.domain_id).await?,
            None => None,
        };
        let tried = tried(&user.as_ref().map_or_else(|| stranger(named), |user| user.id.clone()), share);
        let hash = user.as_ref().and_then(|user| user.password.as_deref());
        // The user is judged after the hash, and the turn is kept until the verdict is counted: of many guesses at once
        // hardly one slips past the count of the others.
        drop(place.take());
        let (is_right, _turn) = self.passwords.verify(hash, password, share).await?;
        let changed_ms = user.as_ref().map_or(0, |user| user.password_changed_ms);
        let may_be_locked = user.as_ref().is_none_or(|user| !options::is_on(&user.options, options::NEVER_LOCKED));
        let is_locked = may_be_locked && self.failures.is_locked(&tried, now_ms(), changed_ms);
        let may = domain.is_some_and(|domain| domain.enabled) && user.as_ref().is_some_and(|user| user.enabled);
        match user {
            Some(user) if is_right && may && !is_locked => {
                self.failures.forget(&tried);
                Ok(user)
            }
            _ => {
                self.count_failure(tried, changed_ms);
                Err(unauthenticated())
            }
        }
    }

    pub(super) fn count_failure(&self, tried: Tried, forgiven_ms: i64) {
        let lock_ms = i64::try_from(self.settings.lock_secs).unwrap_or(i64::MAX).clamp(0, MAX_LOCK_SECS) * 1000;
        self.failures.count(tried, now_ms(), forgiven_ms, Rule { limit: self.settings.lock_after_failures, lock_ms });
    }

    async fn check_token(&self, token: &Secret) -> Result<Proven> {
        // Keystone: not found, where every other failed proof is unauthenticated.
        let session = self.session(token.expose()).await?.ok_or_else(no_such_token)?;
        if session.credential.is_some() {
            // Keystone: an application credential's token stays what it is.
            return Err(Error::Forbidden("A token of an application credential cannot be exchanged.".into()));
        }
        let user = self.db.user(&session.user.id.to_string()).await?.ok_or_else(unauthenticated)?;
        let mut methods = session.methods.clone();
        if !methods.iter().any(|method| method == "token") {
            methods.push("token".into());
        }
        Ok(Proven { user, methods, parent: Some(Session::clone(&session)), credential: None })
    }

    async fn check_credential(
        &self,
        credential: &str,
        user: Option<&Named>,
        secret: &Secret,
        share: IpAddr,
        place: &mut Option<Place>,
    ) -> Result<Proven> {
        let row = match user {
            None => self.db.credential(credential).await?,
            Some(named) => {
                let user = match named {
                    Named::Id(id) => self.db.user(id).await?,
                    Named::Name { name, domain } => self.db.user_named(name, domain).await?,
                };
                match user {
                    Some(user) => self.db.credential_named(&user.id, credential).await?,
                    None => None,
                }
            }
        };
        let tried = tried(&format!("credential {}", row.as_ref().map_or(credential, |row| &row.id)), share);
        let kept = row.as_ref().map(|row| row.secret.as_str());
        let (is_right, _turn) = match super::credentials::is_secret(kept, secret) {
            // Nobody guesses 32 random bytes: programs that have them need not stand in line with those who guess.
            Some(true) => (true, None),
            verdict => {
                // An answer that came sooner would tell that there is no such credential, or that its secret is random.
                let slow = kept.filter(|_| verdict.is_none());
                drop(place.take());
                let (is_right, turn) = self.passwords.verify(slow, secret, share).await?;
                (is_right, Some(turn))
            }
        };
        let now = now_ms();
        let is_locked = self.failures.is_locked(&tried, now, 0);
        let row = row.filter(|row| is_right && !is_locked && row.expires_ms.is_none_or(|at| at > now));
        let user = match &row {
            Some(row) => self.db.user(&row.user_id).await?.filter(|user| user.enabled),
            None => None,
        };
        let (Some(user), Some(row)) = (user, row) else {
            self.count_failure(tried, 0);
            return Err(unauthenticated());
        };
        self.failures.forget(&tried);
        Ok(Proven { user, methods: vec!["application_credential".into()], parent: None, credential: Some(row) })
    }

    async fn grant(&self, proven: &Proven, scope: &WantedScope) -> Result<Granted> {
        if let Some(credential) = &proven.credential {
            let own = Granted { kind: ScopeKind::Project, id: credential.project_id.clone() };
            return match scope {
                WantedScope::Default => Ok(own),
                WantedScope::Project(Named::Id(id)) if *id == credential.project_id => Ok(own),
                _ => Err(Error::Unauthenticated(
                    "An application credential works in its own project only; ask for no scope.".into(),
                )),
            };
        }
        let granted = match scope {
            WantedScope::Unscoped => return Ok(Granted::unscoped()),
            WantedScope::Default => {
                let id = proven.user.default_project_id.clone();
                let wanted = id.map(|id| Granted { kind: ScopeKind::Project, id });
                return Ok(match wanted {
                    Some(wanted) if self.is_held(proven, &wanted).await? => wanted,
                    _ => Granted::unscoped(),
                });
            }
            WantedScope::Project(Named::Id(id)) => Granted { kind: ScopeKind::Project, id: id.clone() },
            WantedScope::Project(Named::Name { name, domain }) => {
                let id = self.db.project_named(name, domain).await?.map(|project| project.id).unwrap_or_default();
                Granted { kind: ScopeKind::Project, id }
            }
            WantedScope::Domain(domain) => {
                let found = match self.db.domain(domain).await? {
                    Some(found) => Some(found),
                    None => self.db.domain_named(domain).await?,
                };
                Granted { kind: ScopeKind::Domain, id: found.map(|domain| domain.id).unwrap_or_default() }
            }
            WantedScope::System => Granted { kind: ScopeKind::System, id: "all".into() },
        };
        if self.is_held(proven, &granted).await? { Ok(granted) } else { Err(unauthenticated()) }
    }

    async fn is_held(&self, proven: &Proven, scope: &Granted) -> Result<bool> {
        Ok(!self.db.roles_held(&proven.user.id, scope.kind, &scope.id).await?.is_empty())
    }

    async fn issue(&self, proven: Proven, scope: Granted, from: Option<IpAddr>) -> Result<(String, Session)> {
        let token = new_token();
        let digest = blake3::hash(token.as_bytes()).to_hex().to_string();
        let issued_ms = now_ms();
        let lives_ms = i64::try_from(self.settings.token_ttl_secs).unwrap_or(i64::MAX / 2000) * 1000;
        let audit_id = new_audit_id();
        let parent = proven.parent.as_ref();
        let first = parent.and_then(|parent| parent.audit_ids.last()).cloned();
        let kept = self
            .db
            .insert_token(
                &NewToken {
                    digest: &digest,
                    user_id: &proven.user.id,
                    scope_kind: scope.kind,
                    scope_id: &scope.id,
                    methods: &proven.methods.join(","),
                    first_audit_id: first.as_deref().unwrap_or(&audit_id),
                    audit_id: &audit_id,
                    credential_id: proven.credential.as_ref().map(|credential| credential.id.as_str()),
                    issued_ms,
                    // A new scope never prolongs a token's life.
                    expires_ms: parent.map_or(issued_ms.saturating_add(lives_ms), |parent| parent.expires_ms),
                    password_changed_ms: parent
                        .map_or(proven.user.password_changed_ms, |parent| parent.password_changed_ms),
                    parent: parent.map(|parent| parent.digest.as_str()),
                    address: from.map(|address| address.to_string()).as_deref(),
                },
                match proven.credential {
                    None => self.settings.tokens_per_user.max(1),
                    Some(_) => self.settings.tokens_per_user.max(1).div_ceil(OF_A_CREDENTIAL),
                },
            )
            .await?;
        let session = if kept { self.read_session(&digest, now_ms()).await? } else { None };
        Ok((token, session.ok_or_else(unauthenticated)?))
    }

    async fn purge(&self) -> Result<()> {
        let now = now_ms();
        let last = self.purged_ms.load(Ordering::Relaxed);
        let is_due = now - last > PURGE_EVERY_MS;
        if is_due && self.purged_ms.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.db.delete_expired_tokens(now - super::tokens::SHOWN_MS).await?;
        }
        Ok(())
    }
}

/// Two proofs of the same user are one stronger proof.
fn both(first: Proven, second: Proven) -> Result<Proven> {
    if first.user.id != second.user.id || first.credential.is_some() || second.credential.is_some() {
        return Err(unauthenticated());
    }
    let mut methods = first.methods;
    methods.extend(second.methods.into_iter().filter(|method| method != "token"));
    methods.dedup();
    Ok(Proven { user: first.user, methods, parent: first.parent.or(second.parent), credential: None })
}

/// The key under which failures of an unknown name are counted.
fn stranger(named: &Named) -> String {
    let name = match named {
        Named::Id(id) => id.clone(),
        Named::Name { name, domain } => format!("{domain}\0{name}"),
    };
    blake3::hash(name.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config,
        db::Database,
        identity::{Caller, projects::ProjectFields, turns::Turns, users::UserFields},
    };

    #[tokio::test]
    async fn wrong_secret_stands_in_line_whatever_is_kept_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::sqlite(&folder.path().join("effigy.db")).await.unwrap();
        let mut identity = Identity::open(db.clone(), config::Identity::default()).await.unwrap();
        let operator = Caller::operator();
        let alice = UserFields { name: Some("alice".into()), ..UserFields::default() };
        let alice = identity.create_user(&operator, alice).await.unwrap();
        let web = ProjectFields { name: Some("web".into()), ..ProjectFields::default() };
        let web = identity.create_project(&operator, web).await.unwrap();
        let chosen = identity.passwords.hash(&Secret::new("right"), share_of(None)).await.unwrap();
        for (id, secret) in [("chosen", chosen), ("random", blake3::hash(b"right").to_hex().to_string())] {
            let row = CredentialRow {
                id: id.into(),
                user_id: alice.id.clone(),
                project_id: web.id.clone(),
                name: id.into(),
                description: None,
                secret,
                unrestricted: false,
                expires_ms: None,
                expires_at: None,
                access_rules: None,
                created_ms: 0,
            };
            assert!(db.insert_credential(&row, &[]).await.unwrap());
        }
        // No turn and no place: a sign-in that needs one is refused.
        identity.passwords.turns = Turns::new(0, 0);
        for (id, secret, needs_a_turn) in [
            ("chosen", "wrong", true),
            ("chosen", "right", true),
            ("random", "wrong", true),
            ("unknown", "wrong", true),
            ("random", "right", false),
        ] {
            let proof = Proof::Credential { credential: id.into(), user: None, secret: Secret::new(secret) };
            let answer = identity.sign_in(&[proof], &WantedScope::Default, None).await;
            assert_eq!(matches!(answer, Err(Error::Unavailable(_))), needs_a_turn, "{id} {secret}: {answer:?}");
        }
    }
}
