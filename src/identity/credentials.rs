//! Application credentials: a user's right to work in one project, handed to a program.
//!
//! The secret is shown once. A credential is restricted unless its maker says otherwise: it cannot make or delete
//! credentials. It holds a part of its maker's roles, and ends when its maker loses one of them.

use serde::{Deserialize, Serialize};

use super::{
    Caller, Identity, RoleRef,
    passwords::Secret,
    policy,
    tokens::{new_token, random},
};
use crate::{
    db::{credentials::CredentialRow, now_ms},
    error::{Error, Result},
    ids::UserId,
};

/// Application credentials of one user: enough for every machine of a person, few enough to review.
const MAX_CREDENTIALS: i64 = 256;
/// Access rules of one credential.
const MAX_RULES: usize = 128;

/// What a credential may be used for: requests to `service` with `method` on `path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRule {
    /// Its id; made by us.
    pub id: String,
    /// The kind of service: `identity`, `image`, `compute`, `network`.
    pub service: String,
    /// The method.
    pub method: String,
    /// The path after the service's own prefix: `*` or `{name}` for one segment, `**` for the rest.
    pub path: String,
}

impl AccessRule {
    /// A rule nobody has had before.
    pub fn new(service: String, method: String, path: String) -> AccessRule {
        AccessRule { id: new_id(), service, method, path }
    }

    /// Whether this rule allows a request.
    pub fn allows(&self, service: &str, method: &str, path: &str) -> bool {
        self.service == service && self.method.eq_ignore_ascii_case(method) && matches(&self.path, path)
    }
}

/// What to make a credential of.
#[derive(Clone, Debug, Default)]
pub struct NewCredential {
    /// Its name, unique for its user.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The secret, when the maker chose one.
    pub secret: Option<Secret>,
    /// The roles it shall hold, by id or name; empty for all of the maker's.
    pub roles: Vec<String>,
    /// When it shall end.
    pub expires_ms: Option<i64>,
    /// Whether it may make and delete credentials.
    pub unrestricted: bool,
    /// What it may be used for; empty for everything.
    pub access_rules: Vec<AccessRule>,
}

/// An application credential as its user sees it.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The row.
    pub row: CredentialRow,
    /// The roles it holds.
    pub roles: Vec<RoleRef>,
    /// What it may be used for; empty for everything.
    pub access_rules: Vec<AccessRule>,
}

impl Identity {
    /// Makes an application credential in the caller's project; the secret is shown here and never again.
    ///
    /// # Errors
    /// `Forbidden` for another user or with a restricted credential, `Invalid` when a role is not held or a rule
    /// makes no sense, `Conflict` when the name is taken.
    pub async fn create_credential(
        &self,
        caller: &Caller,
        user: UserId,
        new: NewCredential,
    ) -> Result<(Credential, Secret)> {
        policy::make_credential(caller, user)?;
        let (Some(session), Some(project)) = (&caller.session, &caller.project) else {
            return Err(Error::Invalid("Sign in to a project first: a credential works in one project.".into()));
        };
        super::check_name(&new.name)?;
        if new.expires_ms.is_some_and(|at| at <= now_ms()) {
            return Err(Error::Invalid("expires_at lies in the past".into()));
        }
        check_rules(&new.access_rules)?;
        let roles = chosen(&session.roles, &new.roles)?;
        if self.db.count_credentials(&user.to_string()).await? >= MAX_CREDENTIALS {
            return Err(Error::Forbidden(format!("A user has at most {MAX_CREDENTIALS} application credentials.")));
        }
        let (secret, kept) = match new.secret {
            None => {
                let secret = Secret::new(new_token());
                let kept = digest(&secret);
                (secret, kept)
            }
            Some(secret) => {
                let kept = self.passwords.hash(&secret).await?;
                (secret, kept)
            }
        };
        let rules = serde_json::to_string(&new.access_rules).map_err(Error::internal)?;
        let row = CredentialRow {
            id: new_id(),
            user_id: user.to_string(),
            project_id: project.id.to_string(),
            name: new.name,
            description: new.description,
            secret: kept,
            unrestricted: new.unrestricted,
            expires_ms: new.expires_ms,
            access_rules: (!new.access_rules.is_empty()).then_some(rules),
            created_ms: now_ms(),
        };
        let role_ids: Vec<String> = roles.iter().map(|role| role.id.clone()).collect();
        if !self.db.insert_credential(&row, &role_ids).await? {
            return Err(Error::Conflict(format!("There is an application credential named '{}' already.", row.name)));
        }
        Ok((Credential { row, roles, access_rules: new.access_rules }, secret))
    }

    /// A user's application credentials.
    pub async fn credentials(&self, caller: &Caller, user: UserId, name: Option<&str>) -> Result<Vec<Credential>> {
        policy::see_credentials(caller, user)?;
        let mut credentials = Vec::new();
        for row in self.db.credentials(&user.to_string(), name).await? {
            credentials.push(self.with_roles(row).await?);
        }
        Ok(credentials)
    }

    /// One application credential of a user.
    pub async fn credential(&self, caller: &Caller, user: UserId, id: &str) -> Result<Credential> {
        policy::see_credentials(caller, user)?;
        let row = self.db.credential(id).await?.filter(|row| row.user_id == user.to_string());
        self.with_roles(row.ok_or_else(|| missing(id))?).await
    }

    /// Every access rule of a user's application credentials.
    pub async fn access_rules(&self, caller: &Caller, user: UserId) -> Result<Vec<AccessRule>> {
        policy::see_credentials(caller, user)?;
        let mut rules: Vec<AccessRule> = Vec::new();
        for row in self.db.credentials(&user.to_string(), None).await? {
            let of_this = parse_rules(row.access_rules.as_deref())?;
            let is_new = |rule: &AccessRule| !rules.iter().any(|known| known.id == rule.id);
            let new: Vec<AccessRule> = of_this.into_iter().filter(is_new).collect();
            rules.extend(new);
        }
        Ok(rules)
    }

    /// Deletes an application credential; its tokens end with it.
    pub async fn delete_credential(&self, caller: &Caller, user: UserId, id: &str) -> Result<()> {
        policy::delete_credential(caller, user)?;
        let was_there = self.db.delete_credential(&user.to_string(), id).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(|| missing(id))
    }

    async fn with_roles(&self, row: CredentialRow) -> Result<Credential> {
        let ids = self.db.credential_role_ids(&row.id).await?;
        let all = self.db.roles(None).await?;
        let roles = all.into_iter().filter(|role| ids.contains(&role.id));
        let roles = roles.map(|role| RoleRef { id: role.id, name: role.name }).collect();
        let access_rules = parse_rules(row.access_rules.as_deref())?;
        Ok(Credential { row, roles, access_rules })
    }
}

/// Whether this is the secret; `None` when only the slow hash can tell.
pub(super) fn is_secret(kept: Option<&str>, secret: &Secret) -> Option<bool> {
    match kept {
        Some(kept) if kept.starts_with('$') => None,
        Some(kept) => Some(openssl::memcmp::eq(kept.as_bytes(), digest(secret).as_bytes())),
        None => Some(false),
    }
}

/// A secret of 32 random bytes needs no slow hash: nobody can guess it.
fn digest(secret: &Secret) -> String {
    blake3::hash(secret.expose().as_bytes()).to_hex().to_string()
}

/// The rules kept in a row.
pub fn parse_rules(json: Option<&str>) -> Result<Vec<AccessRule>> {
    json.map_or(Ok(Vec::new()), |json| serde_json::from_str(json).map_err(Error::internal))
}

/// The roles asked for by id or name, of those held; all of them when none is asked for.
fn chosen(held: &[RoleRef], wanted: &[String]) -> Result<Vec<RoleRef>> {
    if wanted.is_empty() {
        return Ok(held.to_vec());
    }
    let find = |text: &String| held.iter().find(|role| role.id == *text || role.name == *text).cloned();
    let mut roles: Vec<RoleRef> = Vec::new();
    for text in wanted {
        let role =
            find(text).ok_or_else(|| Error::Invalid(format!("You do not hold the role '{text}' in this project.")))?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    Ok(roles)
}

fn check_rules(rules: &[AccessRule]) -> Result<()> {
    if rules.len() > MAX_RULES {
        return Err(Error::Invalid(format!("A credential has at most {MAX_RULES} access rules.")));
    }
    for rule in rules {
        let is_plain = rule.path.starts_with('/') && is_normal(&rule.path) && rule.path.len() <= 255;
        let is_method = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&rule.method.as_str());
        if !is_plain || !is_method || rule.service.is_empty() || rule.service.len() > 64 {
            return Err(Error::Invalid(
                "An access rule has a service, a method in capitals, and a plain path that begins with '/'.".into(),
            ));
        }
    }
    Ok(())
}

/// Whether a path is written in its one plain form, so that a rule means what it says.
fn is_normal(path: &str) -> bool {
    !path.contains("//") && !path.contains(['%', ';', '\\']) && !path.split('/').any(|s| s == "." || s == "..")
}

/// Whether a rule's path covers a request's path.
fn matches(pattern: &str, path: &str) -> bool {
    if !is_normal(path) {
        return false;
    }
    let mut wanted = pattern.trim_end_matches('/').split('/');
    let mut given = path.trim_end_matches('/').split('/');
    loop {
        match (wanted.next(), given.next()) {
            (Some("**"), Some(_)) => return true,
            (None, None) => return true,
            (Some(want), Some(have)) => {
                let is_any = want == "*" || (want.starts_with('{') && want.ends_with('}'));
                let fits = want == have || (is_any && !have.is_empty());
                if !fits {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("Could not find Application Credential: {id}."))
}

/// An id in Keystone's form.
pub(super) fn new_id() -> String {
    random::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str) -> AccessRule {
        AccessRule { id: new_id(), service: "image".into(), method: "GET".into(), path: path.into() }
    }

    #[test]
    fn rules_cover_what_they_say_and_nothing_written_differently() {
        let file = rule("/v2/images/{image_id}/file");
        assert!(file.allows("image", "GET", "/v2/images/abc/file"));
        for path in [
            "/v2/images/abc",
            "/v2/images/abc/file/x",
            "/v2//images/abc/file",
            "/v2/images/%2e/file",
            "/v2/images/;/file",
        ] {
            assert!(!file.allows("image", "GET", path), "{path}");
        }
        assert!(!file.allows("image", "PUT", "/v2/images/abc/file"));
        assert!(!file.allows("compute", "GET", "/v2/images/abc/file"));
        assert!(rule("/v2/**").allows("image", "GET", "/v2/images/abc/file"));
        assert!(rule("/v2/images/*").allows("image", "GET", "/v2/images/abc"));
        assert!(!rule("/v2/**").allows("image", "GET", "/v2/../x"));
    }

    #[test]
    fn only_held_roles_can_be_chosen() {
        let member = RoleRef { id: "1".into(), name: "member".into() };
        let reader = RoleRef { id: "2".into(), name: "reader".into() };
        let held = [member.clone(), reader.clone()];
        assert_eq!(chosen(&held, &[]).unwrap().len(), 2);
        assert_eq!(chosen(&held, &["reader".into()]).unwrap(), [reader]);
        assert!(chosen(&held, &["admin".into()]).is_err());
    }
}
