//! Projects: the tenants that own things.
//!
//! A project stands below its domain, or below another project of it; roles can be inherited downwards
//! ([`super::roles`]), nothing else is. A domain is shown as a project to the admin who asks for it so
//! (`is_domain`), as Keystone does.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Caller, Identity, check_short_name, check_text,
    domains::{Domain, DomainFields, ListDomains},
    extra,
    options::{Options, check_change, check_mutable, set_of_thing},
    policy,
};
pub use crate::model::people::{Project, Projects as ListProjects, WantedTags};
use crate::{
    error::{Error, Result},
    ids::{ProjectId, UserId},
    model::{Extra, Kept, role::TargetKind},
};

/// Tags of one project, as Keystone allows.
const MAX_TAGS: usize = 80;
/// Projects from a domain down to a leaf. Keystone: `max_project_tree_depth`.
const MAX_DEPTH: usize = 5;

/// The fields to set on a project; `None` leaves it as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ProjectFields {
    pub name: Option<String>,
    /// Its domain; cannot be changed.
    pub domain_id: Option<String>,
    /// The project or domain it stands below; cannot be changed.
    pub parent_id: Option<String>,
    /// Whether to make a domain.
    pub is_domain: Option<bool>,
    pub description: Option<String>,
    /// Whether users may work in it.
    pub enabled: Option<bool>,
    pub tags: Option<Vec<String>>,
    /// Null takes one away.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Others; null takes one away.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Identity {
    /// Makes a project.
    pub async fn create_project(&self, caller: &Caller, fields: ProjectFields) -> Result<Project> {
        policy::administer(caller, "create projects")?;
        if fields.is_domain == Some(true) {
            return self.create_domain(caller, as_domain(fields)?).await.map(as_project);
        }
        let (domain_id, parent_id) = self.place_for(caller, &fields).await?;
        let mut project = Project {
            id: ProjectId::new().to_string(),
            domain_id,
            name: String::new(),
            description: String::new(),
            enabled: true,
            tags: Kept::default(),
            parent_id,
            is_domain: false,
            options: Options::new(),
            extra: Extra::default(),
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

    /// Every domain as a project, in pages.
    pub async fn domain_projects(&self, caller: &Caller, wanted: &ListDomains<'_>) -> Result<Vec<Project>> {
        Ok(self.domains(caller, wanted).await?.into_iter().map(as_project).collect())
    }

    /// The projects in which a user holds a role.
    pub async fn projects_of(&self, caller: &Caller, user: UserId, wanted: &ListProjects<'_>) -> Result<Vec<Project>> {
        policy::see_user(caller, user)?;
        self.db.projects(&ListProjects { user_id: Some(&user.to_string()), ..*wanted }).await
    }

    /// The projects that the caller may move its session to, so many at most: a token of an application credential stays
    /// where it is.
    ///
    /// # Errors
    /// `Unavailable` when Keystone is needed and out of reach.
    pub async fn own_projects(&self, caller: &Caller, limit: u32) -> Result<Vec<(String, String)>> {
        let session = caller.session.as_ref();
        if session.is_some_and(|session| session.credential.is_some()) {
            let here = session.and_then(|session| session.project());
            return Ok(here.map(|project| (project.id.to_string(), project.name.clone())).into_iter().collect());
        }
        if let Some(keystone) = &self.keystone {
            return self.own_projects_at(keystone, caller).await;
        }
        let wanted = ListProjects { enabled: Some(true), limit, ..ListProjects::default() };
        let own = self.projects_of(caller, caller.user.id, &wanted).await?;
        Ok(own.into_iter().map(|project| (project.id, project.name)).collect())
    }

    /// One project: any for the admin, by its id; for others one they belong to, also by its name, so that
    /// `image add project IMAGE NAME` finds it.
    pub async fn project(&self, caller: &Caller, id: &str) -> Result<Project> {
        if policy::see_every_project(caller) {
            return self.project_or_domain(id).await;
        }
        let found = match self.db.project(id).await? {
            Some(project) => Some(project),
            None => self.db.project_named(id, &caller.user.domain_id).await?,
        };
        let own = match &found {
            Some(project) => {
                let project_id = project.id.parse().map_err(Error::internal)?;
                policy::see_project(caller, project_id).is_ok() || self.belongs(caller, project_id).await?
            }
            None => false,
        };
        found.filter(|_| own).ok_or_else(policy::not_your_project)
    }

    /// Changes a project; disabling it ends its tokens.
    pub async fn update_project(&self, caller: &Caller, id: &str, fields: ProjectFields) -> Result<Project> {
        policy::administer(caller, "change projects")?;
        let mut project = self.project_or_domain(id).await?;
        if project.is_domain {
            return self.update_domain(caller, &project.id, as_domain(fields)?).await.map(as_project);
        }
        let is_alone = fields.name.is_none()
            && fields.description.is_none()
            && fields.enabled.is_none()
            && fields.tags.is_none()
            && extra::is_nothing(&fields.extra);
        check_change(&project.options, &fields.options, is_alone)?;
        stays(&project, &fields)?;
        if let Some(enabled) = fields.enabled.filter(|enabled| *enabled != project.enabled) {
            self.check_line(&project, enabled).await?;
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
        let project = self.project_or_domain(id).await?;
        if project.is_domain {
            return self.delete_domain(caller, &project.id).await;
        }
        check_mutable(&project.options)?;
        if !self.db.projects_below(TargetKind::BelowProject, &project.id).await?.is_empty() {
            return Err(Error::Forbidden("There are projects below this one: delete them first.".into()));
        }
        let was_there = self.db.delete_project(&project.id).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(|| missing(id))
    }

    pub(super) async fn some_project(&self, id: &str) -> Result<Project> {
        self.db.project(id).await?.ok_or_else(|| missing(id))
    }

    async fn project_or_domain(&self, id: &str) -> Result<Project> {
        match self.some_project(id).await {
            Err(Error::NotFound(_)) => self.db.domain(id).await?.map(as_project).ok_or_else(|| missing(id)),
            found => found,
        }
    }

    /// The domain of a new project, and the project it stands below.
    async fn place_for(&self, caller: &Caller, fields: &ProjectFields) -> Result<(String, Option<String>)> {
        let Some(parent_id) = &fields.parent_id else {
            return Ok((self.domain_for(caller, fields.domain_id.clone()).await?, None));
        };
        let found = self.project_or_domain(parent_id).await;
        let parent = found.map_err(|_| Error::Invalid(format!("There is no project or domain '{parent_id}'.")))?;
        let domain_id = if parent.is_domain { &parent.id } else { &parent.domain_id };
        if fields.domain_id.as_ref().is_some_and(|asked| asked != domain_id) {
            return Err(Error::Invalid("A project must be in the domain of its parent.".into()));
        }
        if !parent.enabled {
            return Err(Error::Forbidden("The parent project is disabled: enable it first.".into()));
        }
        if parent.is_domain {
            return Ok((parent.id, None));
        }
        if self.db.projects_above(&parent.id).await?.len() + 2 > MAX_DEPTH {
            return Err(Error::Forbidden(format!("Projects can be nested at most {MAX_DEPTH} deep.")));
        }
        Ok((parent.domain_id, Some(parent.id)))
    }

    /// A project is enabled while all above it are.
    async fn check_line(&self, project: &Project, enabled: bool) -> Result<()> {
        if enabled && self.db.projects_above(&project.id).await?.iter().any(|above| !above.enabled) {
            return Err(Error::Forbidden("A project above is disabled: enable that first.".into()));
        }
        if !enabled {
            for below in self.db.projects_below(TargetKind::BelowProject, &project.id).await? {
                if self.db.project(&below).await?.is_some_and(|below| below.enabled) {
                    return Err(Error::Forbidden("A project below is enabled: disable that first.".into()));
                }
            }
        }
        Ok(())
    }
}

/// Refuses changes to the fixed fields of a project.
fn stays(project: &Project, fields: &ProjectFields) -> Result<()> {
    if fields.domain_id.as_ref().is_some_and(|domain| *domain != project.domain_id) {
        return Err(Error::Invalid("A project's domain cannot be changed.".into()));
    }
    let parent = project.parent_id.as_ref().unwrap_or(&project.domain_id);
    if fields.parent_id.as_ref().is_some_and(|asked| asked != parent) {
        return Err(Error::Forbidden("A project's parent_id cannot be changed.".into()));
    }
    if fields.is_domain == Some(true) {
        return Err(Error::Invalid("A project cannot become a domain.".into()));
    }
    Ok(())
}

/// A domain in the words of a project.
fn as_project(domain: Domain) -> Project {
    Project {
        id: domain.id,
        domain_id: String::new(),
        name: domain.name,
        description: domain.description,
        enabled: domain.enabled,
        tags: Kept::default(),
        parent_id: None,
        is_domain: true,
        options: domain.options,
        extra: domain.extra,
    }
}

fn as_domain(fields: ProjectFields) -> Result<DomainFields> {
    let is_plain = fields.domain_id.is_none() && fields.parent_id.is_none() && fields.is_domain != Some(false);
    if !is_plain || fields.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
        return Err(Error::Invalid("A domain has no domain, no parent and no tags.".into()));
    }
    let ProjectFields { name, description, enabled, options, extra, .. } = fields;
    Ok(DomainFields { name, description, enabled, options, extra })
}

fn apply(project: &mut Project, fields: ProjectFields) -> Result<()> {
    if let Some(name) = fields.name {
        check_short_name(&name)?;
        project.name = name;
    }
    if let Some(tags) = fields.tags {
        project.tags = checked_tags(&tags.into_iter().collect())?;
    }
    project.description = fields.description.unwrap_or_else(|| std::mem::take(&mut project.description));
    check_text(&project.description)?;
    project.enabled = fields.enabled.unwrap_or(project.enabled);
    extra::set(&mut project.extra, fields.extra)?;
    set_of_thing(&mut project.options, fields.options)
}

/// Tags as they are kept.
pub(super) fn checked_tags(tags: &BTreeSet<String>) -> Result<Kept<BTreeSet<String>>> {
    let is_plain = |tag: &String| !tag.is_empty() && tag.chars().count() <= 255 && !tag.contains([',', '/', '\0']);
    if tags.len() > MAX_TAGS || !tags.iter().all(is_plain) {
        return Err(Error::Invalid(format!(
            "A project has at most {MAX_TAGS} tags of 1 to 255 characters without ',' and '/'."
        )));
    }
    Ok(Kept::of(tags))
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("Could not find project: {id}."))
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("There is a project named '{name}' in this domain already."))
}
