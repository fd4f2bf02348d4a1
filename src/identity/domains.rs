//! Domains: each has names of its own for users, groups and projects.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Caller, DEFAULT_DOMAIN, Identity, check_short_name, check_text,
    credentials::new_id,
    extra,
    options::{Options, check_change, check_mutable, set_of_thing},
    policy,
};
pub use crate::model::people::{Domain, Domains as ListDomains};
use crate::{
    error::{Error, Result},
    model::{Extra, credential::ScopeKind},
};

/// The fields to set on a domain; `None` leaves it as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct DomainFields {
    pub name: Option<String>,
    pub description: Option<String>,
    /// Whether its users may sign in.
    pub enabled: Option<bool>,
    /// Null takes one away.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Others; null takes one away.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Identity {
    /// Makes a domain.
    pub async fn create_domain(&self, caller: &Caller, fields: DomainFields) -> Result<Domain> {
        policy::administer(caller, "create domains")?;
        let mut domain = Domain {
            id: new_id(),
            name: String::new(),
            description: String::new(),
            enabled: true,
            options: Options::new(),
            extra: Extra::default(),
        };
        apply(&mut domain, DomainFields { name: Some(fields.name.clone().unwrap_or_default()), ..fields })?;
        if !self.db.insert_domain(&domain).await? {
            return Err(taken(&domain.name));
        }
        Ok(domain)
    }

    /// Every domain, in pages.
    pub async fn domains(&self, caller: &Caller, wanted: &ListDomains<'_>) -> Result<Vec<Domain>> {
        policy::administer(caller, "list domains")?;
        self.db.domains(wanted).await
    }

    /// The domains on which the caller itself holds a role.
    pub async fn own_domains(&self, caller: &Caller) -> Result<Vec<Domain>> {
        let user = caller.user.id.to_string();
        let mut own = Vec::new();
        let enabled = ListDomains { enabled: Some(true), limit: crate::db::ALL, ..ListDomains::default() };
        for domain in self.db.domains(&enabled).await? {
            if !self.db.roles_held(&user, ScopeKind::Domain, &domain.id).await?.is_empty() {
                own.push(domain);
            }
        }
        Ok(own)
    }

    /// One domain.
    pub async fn domain(&self, caller: &Caller, id: &str) -> Result<Domain> {
        policy::see_domain(caller, id)?;
        self.db.domain(id).await?.ok_or_else(|| missing(id))
    }

    /// Changes a domain; disabling it ends the tokens of its users and projects.
    pub async fn update_domain(&self, caller: &Caller, id: &str, fields: DomainFields) -> Result<Domain> {
        policy::administer(caller, "change domains")?;
        let mut domain = self.db.domain(id).await?.ok_or_else(|| missing(id))?;
        if domain.id == DEFAULT_DOMAIN && fields.enabled == Some(false) {
            return Err(Error::Forbidden("The default domain cannot be disabled: its admin could not undo it.".into()));
        }
        let is_alone = fields.name.is_none()
            && fields.description.is_none()
            && fields.enabled.is_none()
            && extra::is_nothing(&fields.extra);
        check_change(&domain.options, &fields.options, is_alone)?;
        apply(&mut domain, fields)?;
        let changed = self.db.update_domain(&domain).await?;
        self.sessions.forget();
        match changed {
            None => Err(taken(&domain.name)),
            Some(true) => Ok(domain),
            Some(false) => Err(missing(id)),
        }
    }

    /// Deletes a disabled domain with everything in it.
    pub async fn delete_domain(&self, caller: &Caller, id: &str) -> Result<()> {
        policy::administer(caller, "delete domains")?;
        let domain = self.db.domain(id).await?.ok_or_else(|| missing(id))?;
        check_mutable(&domain.options)?;
        if domain.enabled || domain.id == DEFAULT_DOMAIN {
            return Err(Error::Forbidden("Disable the domain first; the default domain cannot be deleted.".into()));
        }
        let was_there = self.db.delete_domain(id).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(|| missing(id))
    }

    /// The domain that something new goes to: the one asked for, else the caller's own.
    pub(super) async fn domain_for(&self, caller: &Caller, asked: Option<String>) -> Result<String> {
        let id = asked.unwrap_or_else(|| caller.user.domain_id.clone());
        let found = self.db.domain(&id).await?.map(|domain| domain.id);
        found.ok_or_else(|| missing(&id))
    }
}

fn apply(domain: &mut Domain, fields: DomainFields) -> Result<()> {
    if let Some(name) = fields.name {
        check_short_name(&name)?;
        domain.name = name;
    }
    domain.description = fields.description.unwrap_or_else(|| std::mem::take(&mut domain.description));
    domain.enabled = fields.enabled.unwrap_or(domain.enabled);
    check_text(&domain.description)?;
    extra::set(&mut domain.extra, fields.extra)?;
    set_of_thing(&mut domain.options, fields.options)
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("Could not find domain: {id}."))
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("There is a domain named '{name}' already."))
}
