//! Application credentials: a user's right to work in one project, handed to a program.
//!
//! The secret is shown once. A credential is restricted unless its maker says otherwise: it cannot make or delete
//! credentials. It holds a part of its maker's roles, and ends when its maker loses one of them.

pub use super::access_rules::AccessRule;
use super::{
    Caller, Identity, RoleRef,
    access_rules::check_rules,
    passwords::Secret,
    policy, share_of,
    tokens::{new_token, random},
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    ids::UserId,
    model::{Kept, credential::CredentialRow},
};

/// Application credentials of one user: enough for every machine of a person, few enough to review.
const MAX_CREDENTIALS: i64 = 256;

/// The fields of a new credential.
#[derive(Clone, Debug, Default)]
pub struct NewCredential {
    /// Its name, unique for its user.
    pub name: String,
    pub description: Option<String>,
    /// The secret, when the maker chose one.
    pub secret: Option<Secret>,
    /// The roles it shall hold, by id or name; empty for all of the maker's.
    pub roles: Vec<String>,
    /// When it shall end.
    pub expires_ms: Option<i64>,
    /// The same in its maker's words.
    pub expires_at: Option<String>,
    pub unrestricted: bool,
    /// The requests that it may make; empty for every request.
    pub access_rules: Vec<AccessRule>,
}

/// An application credential as its user sees it.
#[derive(Clone, Debug)]
pub struct Credential {
    pub row: CredentialRow,
    pub roles: Vec<RoleRef>,
    /// The requests that it may make; empty for every request.
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
        self.keep_rules(user, &new.access_rules).await?;
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
                let kept = self.passwords.hash(&secret, share_of(caller.address)).await?;
                (secret, kept)
            }
        };
        let row = CredentialRow {
            id: new_id(),
            user_id: user.to_string(),
            project_id: project.id.to_string(),
            name: new.name,
            description: new.description,
            secret: kept,
            unrestricted: new.unrestricted,
            expires_ms: new.expires_ms,
            expires_at: new.expires_at,
            access_rules: (!new.access_rules.is_empty()).then(|| Kept::of(&new.access_rules)),
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
        let access_rules = row.access_rules.as_ref().map_or(Ok(Vec::new()), Kept::read)?;
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

/// A secret of 32 random bytes needs no slow hash: it cannot be guessed.
fn digest(secret: &Secret) -> String {
    blake3::hash(secret.expose().as_bytes()).to_hex().to_string()
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
