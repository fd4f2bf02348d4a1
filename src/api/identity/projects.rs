//! `/v3/projects`, and the projects of a user.

use std::collections::BTreeSet;

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use super::{
    super::{caller::Asked, error::Answer},
    collections::{Collection, listed},
    lists::{Filters, Unread},
};
use crate::{
    error::{Error, Result},
    identity::projects::{ListProjects, Project, ProjectFields, WantedTags},
    model::Extra,
};

/// `/v3/projects`
pub(super) struct Projects;

impl Collection for Projects {
    const ONE: &'static str = "project";
    const MANY: &'static str = "projects";
    const FILTERS: &'static [&'static str] =
        &["name", "domain_id", "parent_id", "is_domain", "enabled", "tags", "tags-any", "not-tags", "not-tags-any"];
    type Row = Project;
    type Fields = ProjectFields;

    fn id(row: &Project) -> &str {
        &row.id
    }

    fn shown(project: &Project) -> Value {
        json!({
            "id": project.id,
            "name": project.name,
            "domain_id": (!project.is_domain).then_some(&project.domain_id),
            "parent_id": (!project.is_domain).then(|| project.parent_id.as_ref().unwrap_or(&project.domain_id)),
            "is_domain": project.is_domain,
            "description": project.description,
            "enabled": project.enabled,
            "tags": project.tags.read().unwrap_or_default(),
            "options": project.options,
        })
    }

    fn extra(row: &Project) -> &Extra {
        &row.extra
    }

    async fn list(asked: &Asked, filters: &Filters) -> Result<Vec<Project>> {
        let tags = tags(filters);
        if filters.flag("is_domain") != Some(true) {
            return asked.rooms.identity.projects(&asked.caller, &wanted(filters, &tags)).await;
        }
        let mut rows = asked.rooms.identity.domain_projects(&asked.caller, &super::domains::wanted(filters)).await?;
        // A domain stands in none and below none, and has no tags.
        if filters.text("domain_id").or(filters.text("parent_id")).is_some() || !tags.admit(&BTreeSet::new()) {
            rows.clear();
        }
        Ok(rows)
    }

    async fn create(asked: &Asked, fields: Self::Fields) -> Result<Project> {
        asked.rooms.identity.create_project(&asked.caller, fields).await
    }

    async fn show(asked: &Asked, id: &str) -> Result<Project> {
        asked.rooms.identity.project(&asked.caller, id).await
    }

    async fn update(asked: &Asked, id: &str, fields: Self::Fields) -> Result<Project> {
        asked.rooms.identity.update_project(&asked.caller, id, fields).await
    }

    async fn delete(asked: &Asked, id: &str) -> Result<()> {
        asked.rooms.identity.delete_project(&asked.caller, id).await
    }
}

/// The filters of the projects of a user: no domain is one.
const OF_USER: &[&str] = &["name", "domain_id", "parent_id", "enabled", "tags", "tags-any", "not-tags", "not-tags-any"];

/// `GET /v3/auth/projects`
pub(super) async fn own(Asked { rooms, caller, url }: Asked, unread: Unread) -> Answer {
    let filters = unread.knowing(OF_USER)?;
    let tags = tags(&filters);
    let mut wanted = wanted(&filters, &tags);
    if wanted.enabled.replace(true) == Some(false) {
        // Nobody works in a project that is disabled.
        wanted.limit = 0;
    }
    let rows = rooms.identity.projects_of(&caller, caller.user.id, &wanted).await?;
    Ok(Json(listed::<Projects>(&url, &filters, rows)))
}

/// `GET /v3/users/{id}/projects`
pub(super) async fn of_user(Asked { rooms, caller, url }: Asked, Path(user): Path<String>, unread: Unread) -> Answer {
    let filters = unread.knowing(OF_USER)?;
    let tags = tags(&filters);
    let user = user.parse().map_err(|_| Error::NotFound(format!("Could not find user: {user}.")))?;
    let rows = rooms.identity.projects_of(&caller, user, &wanted(&filters, &tags)).await?;
    Ok(Json(listed::<Projects>(&url, &filters, rows)))
}

fn tags(filters: &Filters) -> WantedTags {
    WantedTags {
        all: filters.words("tags"),
        any: filters.words("tags-any"),
        not_all: filters.words("not-tags"),
        none: filters.words("not-tags-any"),
    }
}

fn wanted<'a>(filters: &'a Filters, tags: &'a WantedTags) -> ListProjects<'a> {
    ListProjects {
        domain_id: filters.text("domain_id"),
        name: filters.text("name"),
        parts: filters.parts(),
        tags: Some(tags).filter(|tags| **tags != WantedTags::default()),
        enabled: filters.flag("enabled"),
        user_id: None,
        parent_id: filters.text("parent_id"),
        marker: filters.marker(),
        limit: filters.one_more(),
    }
}
