//! `/v3/groups`, and the groups of a user.

use axum::{Json, extract::Path, http::StatusCode};
use serde_json::{Value, json};

use super::{
    super::{caller::Asked, error::Answer},
    collections::{Collection, listed},
    lists::{Filters, Unread},
};
use crate::{
    error::Result,
    identity::groups::{Group, GroupFields, ListGroups},
    model::Extra,
};

/// `/v3/groups`
pub(super) struct Groups;

impl Collection for Groups {
    const ONE: &'static str = "group";
    const MANY: &'static str = "groups";
    const FILTERS: &'static [&'static str] = &["name", "domain_id"];
    type Row = Group;
    type Fields = GroupFields;

    fn id(row: &Group) -> &str {
        &row.id
    }

    fn shown(group: &Group) -> Value {
        json!({
            "id": group.id,
            "name": group.name,
            "domain_id": group.domain_id,
            "description": group.description,
        })
    }

    fn extra(row: &Group) -> &Extra {
        &row.extra
    }

    async fn list(asked: &Asked, filters: &Filters) -> Result<Vec<Group>> {
        asked.rooms.identity.groups(&asked.caller, &wanted(filters)).await
    }

    async fn create(asked: &Asked, fields: Self::Fields) -> Result<Group> {
        asked.rooms.identity.create_group(&asked.caller, fields).await
    }

    async fn show(asked: &Asked, id: &str) -> Result<Group> {
        asked.rooms.identity.group(&asked.caller, id).await
    }

    async fn update(asked: &Asked, id: &str, fields: Self::Fields) -> Result<Group> {
        asked.rooms.identity.update_group(&asked.caller, id, fields).await
    }

    async fn delete(asked: &Asked, id: &str) -> Result<()> {
        asked.rooms.identity.delete_group(&asked.caller, id).await
    }
}

/// `GET /v3/users/{id}/groups`
pub(super) async fn of_user(Asked { rooms, caller, url }: Asked, Path(user): Path<String>, unread: Unread) -> Answer {
    let filters = unread.knowing(Groups::FILTERS)?;
    let rows = rooms.identity.groups_of(&caller, &user, &wanted(&filters)).await?;
    Ok(Json(listed::<Groups>(&url, &filters, rows)))
}

/// `PUT /v3/groups/{id}/users/{user}`
pub(super) async fn add_member(
    Asked { rooms, caller, .. }: Asked,
    Path((group, user)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.identity.add_member(&caller, &group, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET` and `HEAD /v3/groups/{id}/users/{user}`
pub(super) async fn check_member(
    Asked { rooms, caller, .. }: Asked,
    Path((group, user)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.identity.check_member(&caller, &group, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v3/groups/{id}/users/{user}`
pub(super) async fn remove_member(
    Asked { rooms, caller, .. }: Asked,
    Path((group, user)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.identity.remove_member(&caller, &group, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wanted(filters: &Filters) -> ListGroups<'_> {
    ListGroups {
        domain_id: filters.text("domain_id"),
        name: filters.text("name"),
        parts: filters.parts(),
        user_id: None,
        marker: filters.marker(),
        limit: filters.one_more(),
    }
}
