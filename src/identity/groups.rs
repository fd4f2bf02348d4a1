//! Groups: users who are granted roles together.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Caller, Identity, check_name, check_text,
    credentials::new_id,
    extra, policy,
    users::{ListUsers, User},
};
pub use crate::model::people::{Group, Groups as ListGroups};
use crate::{
    error::{Error, Result},
    model::Extra,
};

/// The fields to set on a group; `None` leaves it as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct GroupFields {
    pub name: Option<String>,
    /// Its domain; cannot be changed.
    pub domain_id: Option<String>,
    pub description: Option<String>,
    /// Others; null takes one away.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Identity {
    /// Makes a group.
    pub async fn create_group(&self, caller: &Caller, fields: GroupFields) -> Result<Group> {
        policy::administer(caller, "create groups")?;
        let domain_id = self.domain_for(caller, fields.domain_id.clone()).await?;
        let mut group =
            Group { id: new_id(), domain_id, name: String::new(), description: String::new(), extra: Extra::default() };
        apply(&mut group, GroupFields { name: Some(fields.name.clone().unwrap_or_default()), ..fields })?;
        let made = self.db.insert_group(&group).await?;
        made.then_some(()).ok_or_else(|| taken(&group.name))?;
        Ok(group)
    }

    /// Every group, in pages.
    pub async fn groups(&self, caller: &Caller, wanted: &ListGroups<'_>) -> Result<Vec<Group>> {
        policy::administer(caller, "list groups")?;
        self.db.groups(wanted).await
    }

    /// The groups a user is a member of.
    pub async fn groups_of(&self, caller: &Caller, user: &str, wanted: &ListGroups<'_>) -> Result<Vec<Group>> {
        policy::see_user(caller, user.parse().unwrap_or(crate::ids::UserId::nil()))?;
        let user = self.some_user(user).await?;
        self.db.groups(&ListGroups { user_id: Some(&user.id), ..*wanted }).await
    }

    /// One group.
    pub async fn group(&self, caller: &Caller, id: &str) -> Result<Group> {
        policy::administer(caller, "look at groups")?;
        self.some_group(id).await
    }

    /// Changes a group's name or description.
    pub async fn update_group(&self, caller: &Caller, id: &str, fields: GroupFields) -> Result<Group> {
        policy::administer(caller, "change groups")?;
        let mut group = self.some_group(id).await?;
        apply(&mut group, fields)?;
        match self.db.update_group(&group).await? {
            None => Err(taken(&group.name)),
            Some(true) => Ok(group),
            Some(false) => Err(missing(id)),
        }
    }

    /// Deletes a group with its grants; the tokens of its members that rest on them end.
    pub async fn delete_group(&self, caller: &Caller, id: &str) -> Result<()> {
        policy::administer(caller, "delete groups")?;
        let was_there = self.db.delete_group(id).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(|| missing(id))
    }

    /// Puts a user into a group.
    pub async fn add_member(&self, caller: &Caller, group: &str, user: &str) -> Result<()> {
        policy::administer(caller, "change groups")?;
        let (group, user) = (self.some_group(group).await?, self.some_user(user).await?);
        self.db.insert_group_member(&group.id, &user.id).await?;
        self.sessions.forget();
        Ok(())
    }

    /// Takes a user out of a group; its tokens where the group holds roles end.
    pub async fn remove_member(&self, caller: &Caller, group: &str, user: &str) -> Result<()> {
        policy::administer(caller, "change groups")?;
        let (group, user) = (self.some_group(group).await?, self.some_user(user).await?);
        let was_there = self.db.delete_group_member(&group.id, &user.id).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(not_a_member)
    }

    /// The members of a group, in pages.
    pub async fn members(&self, caller: &Caller, group: &str, wanted: &ListUsers<'_>) -> Result<Vec<User>> {
        policy::administer(caller, "look at groups")?;
        let group = self.some_group(group).await?;
        self.db.users(&ListUsers { group_id: Some(&group.id), ..*wanted }).await
    }

    /// Whether a user is in a group; `NotFound` when it is not.
    pub async fn check_member(&self, caller: &Caller, group: &str, user: &str) -> Result<()> {
        policy::administer(caller, "look at groups")?;
        let (group, user) = (self.some_group(group).await?, self.some_user(user).await?);
        let is_member = self.db.group_member_ids(&group.id).await?.contains(&user.id);
        is_member.then_some(()).ok_or_else(not_a_member)
    }

    pub(super) async fn some_group(&self, id: &str) -> Result<Group> {
        self.db.group(id).await?.ok_or_else(|| missing(id))
    }
}

fn apply(group: &mut Group, fields: GroupFields) -> Result<()> {
    if fields.domain_id.is_some_and(|domain| domain != group.domain_id) {
        return Err(Error::Invalid("A group's domain cannot be changed.".into()));
    }
    if let Some(name) = fields.name {
        check_name(&name)?;
        group.name = name;
    }
    group.description = fields.description.unwrap_or_else(|| std::mem::take(&mut group.description));
    check_text(&group.description)?;
    extra::set(&mut group.extra, fields.extra)
}

fn not_a_member() -> Error {
    Error::NotFound("The user is not in the group.".into())
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("Could not find group: {id}."))
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("There is a group named '{name}' in this domain already."))
}
