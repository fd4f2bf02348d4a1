//! Tokens: made, believed for a second, ended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use base64::Engine as _;

use super::{Caller, Identity, ProjectRef, Role, UserRef, passwords::Secret, policy, unauthenticated};
use crate::{
    db::now_ms,
    error::{Error, Result},
    model::{
        Kept,
        credential::{AccessRule, ScopeKind, TokenRow},
    },
};

/// A session is believed this long after its rows were read. Revocation is promised to hold within a second.
const BELIEVED: Duration = Duration::from_millis(950);
/// From this age on, one request reads the rows again while the others go on with what is known.
const REFRESHED: Duration = Duration::from_millis(500);
/// Sessions remembered; each is about 1 KiB.
const REMEMBERED: u64 = 10_000;
/// How long a token whose time is over is kept, and shown to services (Keystone's `allow_expired_window`).
pub(super) const SHOWN_MS: i64 = 48 * 3600 * 1000;
/// The longest token looked at; ours have 47 letters.
const MAX_TOKEN_BYTES: usize = 255;

/// A domain as a session carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainRef {
    pub id: String,
    pub name: String,
}

/// A role as a session carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRef {
    pub id: String,
    pub name: String,
}

/// The application credential behind a session.
#[derive(Clone, Debug)]
pub struct CredentialRef {
    pub id: String,
    pub name: String,
    /// Whether it may make and delete application credentials.
    pub unrestricted: bool,
    /// `None` allows every request.
    pub access_rules: Option<Kept<Vec<AccessRule>>>,
}

/// Where a session's roles hold.
#[derive(Clone, Debug)]
pub enum Scope {
    /// Nowhere: it can only list projects and be exchanged.
    Unscoped,
    /// In a project of this domain.
    Project(ProjectRef, DomainRef),
    Domain(DomainRef),
    System,
}

/// The contents of a token, as its rows stood when they were read.
#[derive(Clone, Debug)]
pub struct Session {
    /// The token's digest, in hex: its name in the database.
    pub digest: String,
    /// Whose it is.
    pub user: UserRef,
    pub user_domain: DomainRef,
    /// Where the roles hold.
    pub scope: Scope,
    /// Every role held there, implied ones too.
    pub roles: Vec<RoleRef>,
    /// How the user proved who it is.
    pub methods: Vec<String>,
    /// This token's audit id, then the first of its chain when that is another.
    pub audit_ids: Vec<String>,
    pub credential: Option<CredentialRef>,
    pub issued_ms: i64,
    pub expires_ms: i64,
    /// The state of the user's password it rests on.
    pub password_changed_ms: i64,
    /// The token itself, where Keystone made it: some questions only its holder may ask there.
    pub bearer: Option<Secret>,
}

impl Session {
    /// The project it is scoped to.
    pub fn project(&self) -> Option<&ProjectRef> {
        match &self.scope {
            Scope::Project(project, _) => Some(project),
            _ => None,
        }
    }

    /// The strongest of Effigy's own roles held.
    pub fn role(&self) -> Option<Role> {
        self.roles.iter().filter_map(|role| Role::named(&role.name)).max()
    }

    /// Whether a role of this name is held.
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.name == name)
    }
}

struct Known {
    session: Arc<Session>,
    read_at: Instant,
    being_read: AtomicBool,
}

/// The sessions read in the last second.
#[derive(Clone)]
pub(super) struct Sessions(moka::sync::Cache<[u8; 32], Arc<Known>>);

impl Sessions {
    pub(super) fn new() -> Sessions {
        Sessions(moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(BELIEVED).build())
    }

    /// Forgets what was read: something that sessions rest on has changed.
    pub(super) fn forget(&self) {
        self.0.invalidate_all();
    }
}

impl Identity {
    /// The session of a token; `None` when the token is unknown, expired or ended.
    pub(super) async fn session(&self, token: &str) -> Result<Option<Arc<Session>>> {
        match digest_of(token) {
            Some(digest) => self.session_of(digest).await,
            None => Ok(None),
        }
    }

    /// The session of the token of this digest.
    async fn session_of(&self, digest: blake3::Hash) -> Result<Option<Arc<Session>>> {
        match self.session_at_hand(digest) {
            Some(session) => Ok(Some(session)),
            None => self.session_in_rows(digest).await,
        }
    }

    /// The session of this digest as it was read in the last second; `None`: this request reads it.
    pub(super) fn session_at_hand(&self, digest: blake3::Hash) -> Option<Arc<Session>> {
        let known = self.sessions.0.get(digest.as_bytes())?;
        let age = known.read_at.elapsed();
        let is_enough = age < REFRESHED || (age < BELIEVED && known.being_read.swap(true, Ordering::Relaxed));
        (is_enough && known.session.expires_ms > now_ms()).then(|| known.session.clone())
    }

    /// The session of this digest as its rows stand now.
    pub(super) async fn session_in_rows(&self, digest: blake3::Hash) -> Result<Option<Arc<Session>>> {
        // The clock starts before the rows are read, so that a slow read cannot stretch the second.
        let read_at = Instant::now();
        let session = self.read_session(digest.to_hex().as_str(), now_ms()).await?.map(Arc::new);
        match &session {
            Some(session) => {
                let known = Known { session: session.clone(), read_at, being_read: AtomicBool::new(false) };
                self.sessions.0.insert(*digest.as_bytes(), Arc::new(known));
            }
            None => self.sessions.0.invalidate(digest.as_bytes()),
        }
        Ok(session)
    }

    /// Reads a session's rows; `None` when the token was ended, or its time was over at `at_ms`.
    pub(super) async fn read_session(&self, digest: &str, at_ms: i64) -> Result<Option<Session>> {
        let Some(row) = self.db.token_at(digest, at_ms).await? else { return Ok(None) };
        let scope = scope_of(&row)?;
        let user_id = &row.user[0];
        let mut roles = match &scope {
            Scope::Unscoped => Vec::new(),
            Scope::Project(project, _) => {
                self.db.roles_held(user_id, ScopeKind::Project, &project.id.to_string()).await?
            }
            Scope::Domain(domain) => self.db.roles_held(user_id, ScopeKind::Domain, &domain.id).await?,
            Scope::System => self.db.roles_held(user_id, ScopeKind::System, "all").await?,
        };
        if let Some(credential) = &row.credential {
            let given = self.db.credential_roles_held(&credential.id).await?;
            // The credential ends with the first of its roles that its user no longer holds.
            if given.is_empty() || given.iter().any(|role| !roles.contains(role)) {
                return Ok(None);
            }
            roles = given;
        }
        if roles.is_empty() && !matches!(scope, Scope::Unscoped) {
            return Ok(None);
        }
        let roles = roles.into_iter().map(|role| RoleRef { id: role.id, name: role.name }).collect();
        Ok(Some(session(digest, row, scope, roles)?))
    }

    /// The caller as its session stands now, a second ago at most: for what outlasts the request that it began with.
    ///
    /// # Errors
    /// `Unauthenticated` when the session has ended.
    pub async fn again(&self, caller: &Caller) -> Result<Caller> {
        if let Some(keystone) = &self.keystone {
            return self.again_at(keystone, caller).await;
        }
        let digest = caller.session.as_ref().and_then(|session| blake3::Hash::from_hex(&session.digest).ok());
        let session = match digest {
            Some(digest) => self.session_of(digest).await?,
            None => None,
        };
        let session = session.ok_or_else(unauthenticated)?;
        Ok(Caller::of(session, caller.request_id.clone(), caller.address))
    }

    /// The session of somebody's token, as its holder, an admin or a service may see it. `over` asks for one whose time is
    /// over, too: a service goes on with what it began for its user (Keystone's `allow_expired`).
    ///
    /// # Errors
    /// `NotFound` when it does not live, `Forbidden` when the caller may not see it.
    pub async fn show_token(&self, caller: &Caller, subject: &str, over: bool) -> Result<Arc<Session>> {
        policy::look_up_tokens(caller)?;
        let found = match (self.session(subject).await?, digest_of(subject)) {
            (None, Some(digest)) if over && policy::see_ended_tokens(caller) => {
                self.read_session(digest.to_hex().as_str(), now_ms() - SHOWN_MS).await?.map(Arc::new)
            }
            (found, _) => found,
        };
        let found = found.ok_or_else(no_such_token)?;
        policy::see_token(caller, &found)?;
        Ok(found)
    }

    /// Ends a token, and with it what was exchanged for it.
    ///
    /// # Errors
    /// `NotFound` when it is not valid, `Forbidden` when it is another user's and the caller is not an admin.
    pub async fn revoke_token(&self, caller: &Caller, subject: &str) -> Result<()> {
        if let Some(keystone) = &self.keystone {
            // Keystone decides: the token ends itself.
            return keystone.sign_out(subject).await;
        }
        let found = self.token_to_end(caller, subject).await?;
        let was_there = self.db.delete_token(&found.digest).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(no_such_token)
    }

    /// Ends a token alone: its holder goes on with one that was exchanged for it.
    ///
    /// # Errors
    /// As [`Identity::revoke_token`].
    pub async fn revoke_token_alone(&self, caller: &Caller, subject: &str) -> Result<()> {
        let found = self.token_to_end(caller, subject).await?;
        let was_there = self.db.delete_token_alone(&found.digest).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(no_such_token)
    }

    async fn token_to_end(&self, caller: &Caller, subject: &str) -> Result<Arc<Session>> {
        let found = self.session(subject).await?.ok_or_else(no_such_token)?;
        policy::end_token(caller, &found)?;
        Ok(found)
    }
}

/// The digest of a token, if it could be one.
pub(super) fn digest_of(token: &str) -> Option<blake3::Hash> {
    (1..=MAX_TOKEN_BYTES).contains(&token.len()).then(|| blake3::hash(token.as_bytes()))
}

fn scope_of(row: &TokenRow) -> Result<Scope> {
    if let Some([id, name, domain_id, domain_name]) = &row.project {
        let domain = DomainRef { id: domain_id.clone(), name: domain_name.clone() };
        // A token of a project is never taken for one without: it ends rather than to count elsewhere.
        let id = id.parse().map_err(Error::internal)?;
        return Ok(Scope::Project(ProjectRef { id, name: name.clone(), domain_id: domain_id.clone() }, domain));
    }
    match (&row.domain, row.scope_kind) {
        (Some([id, name]), _) => Ok(Scope::Domain(DomainRef { id: id.clone(), name: name.clone() })),
        (None, ScopeKind::System) => Ok(Scope::System),
        (None, ScopeKind::Unscoped) => Ok(Scope::Unscoped),
        (None, kind) => Err(Error::internal(anyhow::anyhow!("a token of a {kind} has none"))),
    }
}

fn session(digest: &str, row: TokenRow, scope: Scope, roles: Vec<RoleRef>) -> Result<Session> {
    let [id, name, domain_id, domain_name] = row.user;
    let mut audit_ids = vec![row.audit_id];
    if audit_ids[0] != row.first_audit_id {
        audit_ids.push(row.first_audit_id);
    }
    Ok(Session {
        digest: digest.to_owned(),
        user: UserRef { id: id.parse().map_err(Error::internal)?, name, domain_id: domain_id.clone() },
        user_domain: DomainRef { id: domain_id, name: domain_name },
        scope,
        roles,
        methods: row.methods.split(',').map(str::to_owned).collect(),
        audit_ids,
        credential: row.credential.map(|credential| CredentialRef {
            id: credential.id,
            name: credential.name,
            unrestricted: credential.unrestricted,
            access_rules: credential.access_rules,
        }),
        issued_ms: row.issued_ms,
        expires_ms: row.expires_ms,
        password_changed_ms: row.password_changed_ms,
        bearer: None,
    })
}

pub(super) fn no_such_token() -> Error {
    Error::NotFound("Could not find the token: it is unknown, expired or revoked.".into())
}

/// A random token. The prefix lets scanners of leaked secrets know it, and keeps a `-` from its front.
pub(super) fn new_token() -> String {
    format!("eft_{}", base64(&random::<32>()))
}

/// An audit id, in the form Keystone gives them.
pub(super) fn new_audit_id() -> String {
    base64(&random::<16>())
}

/// Random bytes from the platform's generator.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    openssl::rand::rand_bytes(&mut bytes).expect("the platform's random generator works");
    bytes
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_project_whose_id_cannot_be_read_is_never_unscoped() {
        let text = |text: &str| text.to_owned();
        let row = |id: &str| TokenRow {
            user: ["u", "alice", "default", "Default"].map(text),
            scope_kind: ScopeKind::Project,
            project: Some([id, "web", "default", "Default"].map(text)),
            domain: None,
            methods: text("password"),
            audit_id: text("a"),
            first_audit_id: text("a"),
            credential: None,
            issued_ms: 0,
            expires_ms: 0,
            password_changed_ms: 0,
        };
        assert!(matches!(scope_of(&row("not an id")), Err(Error::Internal(_))));
        let ldap = "0123456789abcdef".repeat(4);
        let Ok(Scope::Project(project, _)) = scope_of(&row(&ldap)) else { panic!("it is of its project") };
        assert_eq!(project.id.to_string(), ldap);
        // The row has lost its project.
        let lost = TokenRow { project: None, ..row(&ldap) };
        assert!(scope_of(&lost).is_err());
    }
}
