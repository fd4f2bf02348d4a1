//! Projects: the tenants that own things.

use super::{Caller, Identity, check_name, policy};
pub use crate::db::projects::{ProjectRow as Project, Projects as ListProjects};
use crate::{
    error::{Error, Result},
    ids::{ProjectId, UserId},
};

/// Tags of one project, as Keystone allows.
const MAX_TAGS: usize = 80;

/// What to make or change of a project; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct ProjectFields {
    /// Its name.
    pub name: Option<String>,
    /// Its domain; cannot be changed.
    pub domain_id: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether anybody may work in it.
    pub enabled: Option<bool>,
    /// Its tags.
    pub tags: Option<Vec<String>>,
}

impl Identity {
    /// Makes a project.
    pub async fn create_project(&self, caller: &Caller, fields: ProjectFields) -> Result<Project> {
        policy::administer(caller, "create projects")?;
        let mut project = Project {
            id: ProjectId::new().to_string(),
            domain_id: self.domain_for(caller, fields.domain_id.clone()).await?,
            name: String::new(),
            description: String::new(),
            enabled: true,
            tags: "[]".into(),
        };
        apply(&mut project, ProjectFields { name: Some(fields.name.clone().unwrap_or_default()), ..fields })?;
        if !self.db.insert_project(&project).await? {
            return Err(taken(&project.name));
        }
        Ok(project)
    }

    /// Every project, in pages.
    pub async fn projects(&self, caller: &Caller, wanted: &ListProjects<'_>) -> Result<Vec<Project>> {
        policy::administer(caller, "list all projects; yours are at /v3/auth/projects")?;
        self.db.projects(wanted).await
    }

    /// The projects in which a user holds a role.
    pub async fn projects_of(&self, caller: &Caller, user: UserId, wanted: &ListProjects<'_>) -> Result<Vec<Project>> {
        policy::see_user(caller, user)?;
        self.db.projects(&ListProjects { user_id: Some(&user.to_string()), ..*wanted }).await
    }

    /// One project: any for the admin, by its id; for others one they belong to, also by its name, so that
    /// `image add project IMAGE NAME` finds it.
    pub async fn project(&self, caller: &Caller, id: &str) -> Result<Project> {
        let found = match id.parse::<ProjectId>() {
            Ok(id) => self.db.project(&id.to_string()).await?,
            Err(_) if caller.is_admin() => None,
            Err(_) => self.db.project_named(id, &caller.user.domain_id).await?,
        };
        if caller.is_admin() {
            return found.ok_or_else(|| missing(id));
        }
        let own = match &found {
            Some(project) => {
                let project_id = project.id.parse().map_err(Error::internal)?;
                policy::see_project(caller, project_id).is_ok() || self.belongs(caller.user.id, project_id).await?
            }
            None => false,
        };
        found.filter(|_| own).ok_or_else(policy::not_your_project)
    }

    /// Changes a project; disabling it ends its tokens.
    pub async fn update_project(&self, caller: &Caller, id: &str, fields: ProjectFields) -> Result<Project> {
        policy::administer(caller, "change projects")?;
        let mut project = self.some_project(id).await?;
        if fields.domain_id.as_ref().is_some_and(|domain| *domain != project.domain_id) {
            return Err(Error::Invalid("A project stays in its domain.".into()));
        }
        apply(&mut project, fields)?;
        let changed = self.db.update_project(&project).await?;
        self.sessions.forget();
        match changed {
            None => Err(taken(&project.name)),
            Some(true) => Ok(project),
            Some(false) => Err(missing(id)),
        }
    }

    /// Deletes a project with its grants, tokens and application credentials.
    pub async fn delete_project(&self, caller: &Caller, id: &str) -> Result<()> {
        policy::administer(caller, "delete projects")?;
        let project = self.some_project(id).await?;
        let was_there = self.db.delete_project(&project.id).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(|| missing(id))
    }

    pub(super) async fn some_project(&self, id: &str) -> Result<Project> {
        let found = match id.parse::<ProjectId>() {
            Ok(id) => self.db.project(&id.to_string()).await?,
            Err(_) => None,
        };
        found.ok_or_else(|| missing(id))
    }
}

fn apply(project: &mut Project, fields: ProjectFields) -> Result<()> {
    if let Some(name) = fields.name {
        check_name(&name)?;
        project.name = name;
    }
    if let Some(tags) = fields.tags {
        let is_plain = |tag: &String| !tag.is_empty() && tag.chars().count() <= 255 && !tag.contains([',', '/']);
        if tags.len() > MAX_TAGS || !tags.iter().all(is_plain) {
            return Err(Error::Invalid(format!(
                "A project has at most {MAX_TAGS} tags of 1 to 255 characters without ',' and '/'."
            )));
        }
        let tags: std::collections::BTreeSet<String> = tags.into_iter().collect();
        project.tags = serde_json::to_string(&tags).map_err(Error::internal)?;
    }
    project.description = fields.description.unwrap_or_else(|| std::mem::take(&mut project.description));
    super::check_text(&project.description)?;
    project.enabled = fields.enabled.unwrap_or(project.enabled);
    Ok(())
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("Could not find project: {id}."))
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("There is a project named '{name}' in this domain already."))
}
