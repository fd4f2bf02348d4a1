//! `/v3/projects`, and the projects of a user.

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use super::{
    super::{caller::Asked, error::Answer},
    collections::{Collection, listed},
    lists::Filters,
};
use crate::{
    error::{Error, Result},
    identity::projects::{ListProjects, Project, ProjectFields},
};

/// `/v3/projects`
pub(super) struct Projects;

impl Collection for Projects {
    const ONE: &'static str = "project";
    const MANY: &'static str = "projects";
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
            "options": {},
        })
    }

    async fn list(asked: &Asked, filters: &Filters) -> Result<Vec<Project>> {
        match filters.flag("is_domain") {
            Some(true) => asked.rooms.identity.domain_projects(&asked.caller, &super::domains::wanted(filters)).await,
            _ => asked.rooms.identity.projects(&asked.caller, &wanted(filters)).await,
        }
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

/// `GET /v3/auth/projects`
pub(super) async fn own(Asked { rooms, caller, url }: Asked, filters: Filters) -> Answer {
    let wanted = ListProjects { enabled: Some(true), ..wanted(&filters) };
    let rows = rooms.identity.projects_of(&caller, caller.user.id, &wanted).await?;
    Ok(Json(listed::<Projects>(&url, &filters, rows)))
}

/// `GET /v3/users/{id}/projects`
pub(super) async fn of_user(Asked { rooms, caller, url }: Asked, Path(user): Path<String>, filters: Filters) -> Answer {
    let user = user.parse().map_err(|_| Error::NotFound(format!("Could not find user: {user}.")))?;
    let rows = rooms.identity.projects_of(&caller, user, &wanted(&filters)).await?;
    Ok(Json(listed::<Projects>(&url, &filters, rows)))
}

fn wanted(filters: &Filters) -> ListProjects<'_> {
    ListProjects {
        domain_id: filters.text("domain_id"),
        name: filters.text("name"),
        enabled: filters.flag("enabled"),
        user_id: None,
        parent_id: filters.text("parent_id"),
        marker: filters.marker(),
        limit: filters.one_more(),
    }
}
