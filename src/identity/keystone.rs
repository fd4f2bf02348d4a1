//! Callers whose tokens Keystone made.
//!
//! Keystone's words ([`crate::keystone`]) become the same [`Session`] that this service's own rows make, so that the policy
//! knows no difference. As in Glance, roles are compared in lower case, and an admin of any scope is the cloud's.

use std::net::IpAddr;

use super::{
    Caller, CredentialRef, DomainRef, Identity, ProjectRef, RoleRef, Scope, Session, UserRef, lines::Share,
    passwords::Secret, unauthenticated,
};
use crate::{
    error::{Error, Result},
    ids::ProjectId,
    keystone::{self, Keystone, Token},
    model::Kept,
};

/// The tokens of a request: its user's, and that of a service that asks in the user's name.
#[derive(Clone, Copy, Debug)]
pub struct Bearers<'r> {
    pub user: &'r str,
    pub service: Option<&'r str>,
}

/// The caller of a request.
#[derive(Clone, Debug)]
pub struct Known {
    pub caller: Caller,
    /// Whether a service vouches for it: access rules are about its user's own requests.
    pub is_vouched: bool,
}

/// An address in the catalog of images' services.
pub struct ImageEndpoint {
    pub interface: String,
    pub region: Option<String>,
    pub url: String,
}

impl Identity {
    /// The Keystone that has the users, where this service does not.
    pub fn keystone(&self) -> Option<&Keystone> {
        self.keystone.as_ref()
    }

    /// The caller of a request with these tokens.
    ///
    /// # Errors
    /// As [`Identity::caller`]; and `Unavailable` when Keystone is needed and out of reach.
    pub async fn known(&self, bearers: Bearers<'_>, request_id: String, address: Option<IpAddr>) -> Result<Known> {
        let Some(keystone) = &self.keystone else {
            let caller = self.caller(bearers.user, request_id, address).await?;
            return Ok(Known { caller, is_vouched: false });
        };
        // keystonemiddleware's order and rules: a service's token that is not valid refuses the request, whoever the user is.
        let is_vouched = bearers.service.is_some();
        let mut is_service = false;
        if let Some(service) = bearers.service {
            let token = self.ask(keystone, service, false, address).await?.ok_or_else(unauthenticated)?;
            is_service = keystone.is_service(&token);
            if keystone.needs_service_role() && !is_service {
                return Err(unauthenticated());
            }
        }
        let token = self.ask(keystone, bearers.user, is_service, address).await?.ok_or_else(unauthenticated)?;
        let session = session(keystone, &token, bearers.user)?;
        Ok(Known { caller: Caller::of(session.into(), request_id, address), is_vouched })
    }

    /// The caller as Keystone knows it now; as [`Identity::again`].
    pub(super) async fn again_at(&self, keystone: &Keystone, caller: &Caller) -> Result<Caller> {
        let bearer = caller.session.as_ref().and_then(|session| session.bearer.as_ref()).ok_or_else(unauthenticated)?;
        let token = keystone.token(bearer.expose(), false).await?.ok_or_else(unauthenticated)?;
        let session = session(keystone, &token, bearer.expose())?;
        Ok(Caller::of(session.into(), caller.request_id.clone(), caller.address))
    }

    pub(super) async fn ask(
        &self,
        keystone: &Keystone,
        bearer: &str,
        over: bool,
        address: Option<IpAddr>,
    ) -> Result<Option<std::sync::Arc<Token>>> {
        let _place = match keystone.at_hand(bearer) {
            Some(_) => None,
            // Whose request it is, only Keystone tells: a stranger's guesses are not to keep others waiting.
            None => Some(self.lines.take(Share::of_address(address)).await?),
        };
        keystone.token(bearer, over).await
    }

    /// Whether the caller may work in a project, by what it proves itself: Keystone tells no service about others.
    pub(super) async fn belongs_at(&self, keystone: &Keystone, caller: &Caller, project: ProjectId) -> Result<bool> {
        if caller.project.as_ref().is_some_and(|own| own.id == project) {
            return Ok(caller.session.as_ref().is_some_and(|session| !session.roles.is_empty()));
        }
        let bearer = caller.session.as_ref().and_then(|session| session.bearer.as_ref());
        let Some(bearer) = bearer else { return Ok(false) };
        Ok(keystone.projects_of(bearer.expose()).await?.iter().any(|one| one.id == project.as_str()))
    }

    /// The addresses of the image services that a token's catalog has; of this service's own catalog, as seen from `base`.
    ///
    /// # Errors
    /// `Unavailable` when Keystone is needed and out of reach.
    pub async fn image_endpoints(&self, bearer: &str, base: &str) -> Result<Vec<ImageEndpoint>> {
        let Some(keystone) = &self.keystone else {
            let listed = self.catalog(base).await?.into_iter().filter(|listed| listed.service.kind == "image");
            return Ok(listed
                .flat_map(|listed| listed.endpoints)
                .map(|one| ImageEndpoint { interface: one.interface, region: one.region_id, url: one.url })
                .collect());
        };
        let services = keystone.catalog_of(bearer).await?.into_iter().filter(|service| service.kind == "image");
        Ok(services
            .flat_map(|service| service.endpoints)
            .map(|one| ImageEndpoint { interface: one.interface, region: one.region_id, url: one.url })
            .collect())
    }

    /// Refuses what is Keystone's to do.
    pub(super) fn is_own(&self) -> Result<()> {
        match &self.keystone {
            None => Ok(()),
            Some(keystone) => Err(elsewhere(keystone)),
        }
    }
}

/// The answer to somebody who looks for people here.
pub fn elsewhere(keystone: &Keystone) -> Error {
    Error::NotFound(format!(
        "This service keeps no users and no projects. Keystone does, at {}: sign in there.",
        keystone.url()
    ))
}

/// The session that a token makes.
///
/// # Errors
/// `Unauthenticated` for one that no caller can be made of.
pub(super) fn session(keystone: &Keystone, token: &Token, bearer: &str) -> Result<Session> {
    let unreadable = |id: &str| {
        tracing::error!("Keystone's id {id:?} is longer than 64 characters or has others than an id has here");
        unauthenticated()
    };
    let scope = match &token.scope {
        keystone::Scope::Unscoped => Scope::Unscoped,
        keystone::Scope::System => Scope::System,
        keystone::Scope::Domain(of) => Scope::Domain(domain(of)),
        keystone::Scope::Project(of) => {
            let id = of.id.parse().map_err(|_| unreadable(&of.id))?;
            let project = ProjectRef { id, name: of.name.clone(), domain_id: of.domain.id.clone() };
            Scope::Project(project, domain(&of.domain))
        }
    };
    let credential = token.credential.as_ref().map(|credential| CredentialRef {
        id: credential.id.clone(),
        name: credential.name.clone(),
        unrestricted: !credential.restricted,
        access_rules: credential.access_rules.as_ref().map(Kept::of),
    });
    let has_rules = credential.as_ref().is_some_and(|credential| credential.access_rules.is_some());
    // Rules that name this service by its kind mean nothing where the catalog knows none of that kind.
    if has_rules && !token.services.contains(keystone.service_type()) {
        return Err(unauthenticated());
    }
    let user = &token.user;
    let id = user.id.parse().map_err(|_| unreadable(&user.id))?;
    let role = |role: &keystone::Role| RoleRef { id: role.id.clone(), name: role.name.to_lowercase() };
    Ok(Session {
        digest: blake3::hash(bearer.as_bytes()).to_hex().to_string(),
        user: UserRef { id, name: user.name.clone(), domain_id: user.domain.id.clone() },
        user_domain: domain(&user.domain),
        scope,
        roles: token.roles.iter().map(role).collect(),
        methods: token.methods.clone(),
        audit_ids: token.audit_ids.clone(),
        credential,
        issued_ms: token.issued_ms,
        expires_ms: token.expires_ms,
        password_changed_ms: 0,
        bearer: Some(Secret::new(bearer)),
    })
}

fn domain(domain: &keystone::Domain) -> DomainRef {
    DomainRef { id: domain.id.clone(), name: domain.name.clone() }
}
