//! Users: people and programs.

use std::net::IpAddr;

use super::{
    Caller, Identity, check_name, check_text, extra, lines::Share, options, passwords::Secret, policy, share_of,
    sign_in::Named,
};
pub use crate::model::people::{NamePart, User, Users as ListUsers};
use crate::{
    db::now_ms,
    error::{Error, Result},
    ids::UserId,
    model::Kept,
};

/// The fields to set on a user; `None` leaves it as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct UserFields {
    pub name: Option<String>,
    /// Its domain; cannot be changed.
    pub domain_id: Option<String>,
    pub description: Option<Option<String>>,
    /// Where to write to it.
    pub email: Option<Option<String>>,
    pub enabled: Option<bool>,
    /// Where it works when it does not say.
    pub default_project_id: Option<Option<String>>,
    /// Its password; ends its tokens.
    pub password: Option<Secret>,
    /// Null takes one away.
    pub options: serde_json::Map<String, serde_json::Value>,
    /// Other fields that clients write; null takes a word away (Keystone: `extra`).
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Identity {
    /// Makes a user.
    pub async fn create_user(&self, caller: &Caller, fields: UserFields) -> Result<User> {
        policy::administer(caller, "create users")?;
        let mut user = User {
            id: UserId::new().to_string(),
            domain_id: self.domain_for(caller, fields.domain_id.clone()).await?,
            name: String::new(),
            description: None,
            email: None,
            enabled: true,
            default_project_id: None,
            password: None,
            password_changed_ms: now_ms(),
            extra: Kept::default(),
            options: options::Options::new(),
        };
        let password = fields.password.clone();
        apply(&mut user, UserFields { name: Some(fields.name.clone().unwrap_or_default()), ..fields })?;
        if let Some(password) = password {
            user.password = Some(self.passwords.choose(&password, &own_words(&user), share_of(caller.address)).await?);
        }
        if !self.db.insert_user(&user).await? {
            return Err(taken(&user.name));
        }
        Ok(user)
    }

    /// Every user, in pages.
    pub async fn users(&self, caller: &Caller, wanted: &ListUsers<'_>) -> Result<Vec<User>> {
        policy::administer(caller, "list users")?;
        self.db.users(wanted).await
    }

    /// One user.
    pub async fn user(&self, caller: &Caller, id: &str) -> Result<User> {
        let found = self.find_user(id).await?;
        // A caller who may not look must not learn whether the user exists.
        policy::see_user(caller, id.parse().unwrap_or(UserId::nil()))?;
        found.ok_or_else(|| missing(id))
    }

    /// Changes a user; a new password or disabling it ends its tokens.
    pub async fn update_user(&self, caller: &Caller, id: &str, fields: UserFields) -> Result<User> {
        policy::administer(caller, "change users")?;
        let mut user = self.some_user(id).await?;
        if fields.domain_id.as_ref().is_some_and(|domain| *domain != user.domain_id) {
            return Err(Error::Invalid("A user's domain cannot be changed.".into()));
        }
        let password = fields.password.clone();
        apply(&mut user, fields)?;
        let hash = match &password {
            Some(password) => Some(self.passwords.choose(password, &own_words(&user), share_of(caller.address)).await?),
            None => None,
        };
        match self.db.update_user(&user).await? {
            None => return Err(taken(&user.name)),
            Some(false) => return Err(missing(id)),
            Some(true) => {}
        }
        if let Some(hash) = hash {
            self.replace_password(&user, &hash).await?;
        }
        self.sessions.forget();
        Ok(user)
    }

    /// Changes a user's own password. Needs no token: the old password is the proof (Keystone's rule, so that
    /// somebody who cannot sign in any more can still change it).
    pub async fn change_password(
        &self,
        id: &str,
        original: &Secret,
        password: &Secret,
        from: Option<IpAddr>,
    ) -> Result<()> {
        let mut place = Some(self.lines.take(Share::of_address(from)).await?);
        let named = Named::Id(id.to_owned());
        let user = self.check_password(&named, original, share_of(from), &mut place).await?;
        if options::is_on(&user.options, options::LOCK_PASSWORD) {
            let message = "The administrator has locked this password (lock_password): ask for a new one.";
            return Err(Error::Invalid(message.into()));
        }
        if original == password {
            return Err(Error::Invalid("The new password must differ from the old one.".into()));
        }
        let hash = self.passwords.choose(password, &own_words(&user), share_of(from)).await?;
        self.replace_password(&user, &hash).await?;
        self.sessions.forget();
        Ok(())
    }

    /// Deletes a user with its grants, tokens, groups and application credentials.
    pub async fn delete_user(&self, caller: &Caller, id: &str) -> Result<()> {
        policy::administer(caller, "delete users")?;
        let user = self.some_user(id).await?;
        let was_there = self.db.delete_user(&user.id).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(|| missing(id))
    }

    async fn replace_password(&self, user: &User, hash: &str) -> Result<()> {
        let changed = self.db.set_password(&user.id, hash, user.password_changed_ms).await?;
        let meanwhile = || Error::Conflict("The user was changed meanwhile; try again.".into());
        changed.then_some(()).ok_or_else(meanwhile)
    }

    async fn find_user(&self, id: &str) -> Result<Option<User>> {
        self.db.user(id).await
    }

    pub(super) async fn some_user(&self, id: &str) -> Result<User> {
        self.find_user(id).await?.ok_or_else(|| missing(id))
    }
}

/// The words that somebody who guesses this user's password tries first.
fn own_words(user: &User) -> Vec<&str> {
    [Some(&user.name), user.email.as_ref()].into_iter().flatten().map(String::as_str).collect()
}

fn apply(user: &mut User, fields: UserFields) -> Result<()> {
    if let Some(name) = fields.name {
        check_name(&name)?;
        user.name = name;
    }
    for (field, given) in [(&mut user.description, fields.description), (&mut user.email, fields.email)] {
        *field = given.unwrap_or_else(|| field.take());
        check_text(field.as_deref().unwrap_or_default())?;
    }
    if let Some(id) = fields.default_project_id {
        // Keystone takes any text here and ignores an unknown project when the user signs in.
        check_text(id.as_deref().unwrap_or_default())?;
        user.default_project_id = id;
    }
    user.enabled = fields.enabled.unwrap_or(user.enabled);
    options::set_of_user(&mut user.options, fields.options)?;
    extra::set(&mut user.extra, fields.extra)
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("Could not find user: {id}."))
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("There is a user named '{name}' in this domain already."))
}
