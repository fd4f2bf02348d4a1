//! The catalog: Effigy's own services, and what an admin added.
//!
//! Effigy's own services and endpoints have no rows: their ids are the same everywhere, their addresses are the one
//! the client came to. They cannot be changed. Beside them an admin may register other services.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Caller, Identity, check_name, check_text, credentials::new_id, extra, policy};
pub use crate::model::catalog::{Endpoint, Region, Service};
use crate::{
    error::{Error, Result},
    model::Extra,
};

/// One of Effigy's own services.
struct OwnService {
    kind: &'static str,
    /// The name that OpenStack's own has: Libcloud looks for services by it.
    name: &'static str,
    description: &'static str,
    // Terraform appends `v2/` to the image endpoint and nothing to compute's.
    path: &'static str,
    /// It is there only where instances are run.
    is_of_instances: bool,
}

const OWN_SERVICES: [OwnService; 4] = [
    OwnService {
        kind: "compute",
        name: "nova",
        description: "Instances",
        path: "/compute/v2.1",
        is_of_instances: true,
    },
    OwnService {
        kind: "identity",
        name: "keystone",
        description: "Users, projects, roles and tokens",
        path: "/identity",
        is_of_instances: false,
    },
    OwnService { kind: "image", name: "glance", description: "Images", path: "/image", is_of_instances: false },
    OwnService {
        kind: "network",
        name: "neutron",
        description: "The network instances have, read-only",
        path: "/network",
        is_of_instances: true,
    },
];

const INTERFACES: [&str; 3] = ["admin", "internal", "public"];

/// Services, endpoints or regions that an admin may add of each.
const MAX_ADDED: usize = 1000;
/// The longest address.
const MAX_URL_CHARS: usize = 2048;

/// A service with its endpoints, as a token's catalog shows it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub service: Service,
    pub endpoints: Vec<Endpoint>,
}

/// The fields to set on a service; `None` leaves it as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ServiceFields {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub enabled: Option<bool>,
    /// Others; null takes one away.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The fields to set on an endpoint; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct EndpointFields {
    pub service_id: Option<String>,
    /// `public`, `internal` or `admin`.
    pub interface: Option<String>,
    /// Its region; one that is not known yet is made.
    pub region_id: Option<String>,
    pub url: Option<String>,
    pub enabled: Option<bool>,
    /// Others; null takes one away.
    pub extra: Map<String, Value>,
}

/// The fields to set on a region; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct RegionFields {
    pub description: Option<String>,
    /// The region it is a part of; `Some(None)` for none.
    pub parent_region_id: Option<Option<String>>,
    /// Others; null takes one away.
    pub extra: Map<String, Value>,
}

impl Identity {
    /// The catalog, as seen from `base`, the address clients know this service by.
    pub async fn catalog(&self, base: &str) -> Result<Vec<Listed>> {
        let endpoints = self.every_endpoint(base).await?;
        let services = self.every_service().await?;
        let listed = services.into_iter().filter(|service| service.enabled).map(|service| {
            let own = endpoints.iter().filter(|endpoint| endpoint.service_id == service.id && endpoint.enabled);
            Listed { endpoints: own.cloned().collect(), service }
        });
        Ok(listed.filter(|listed| !listed.endpoints.is_empty()).collect())
    }

    /// Every service.
    pub async fn services(&self, caller: &Caller) -> Result<Vec<Service>> {
        policy::administer(caller, "list services; yours are at /v3/auth/catalog")?;
        self.every_service().await
    }

    /// Every endpoint, as seen from `base`.
    pub async fn endpoints(&self, caller: &Caller, base: &str) -> Result<Vec<Endpoint>> {
        policy::administer(caller, "list endpoints; yours are at /v3/auth/catalog")?;
        self.every_endpoint(base).await
    }

    /// Every region. Everybody may read them, as in Keystone.
    pub async fn regions(&self, _caller: &Caller) -> Result<Vec<Region>> {
        let own = Region::named(self.region());
        let mut regions = self.db.regions().await?;
        if !regions.iter().any(|region| region.id == own.id) {
            regions.insert(0, own);
        }
        Ok(regions)
    }

    /// Registers a service, or changes one that was registered.
    pub async fn put_service(&self, caller: &Caller, id: Option<&str>, fields: ServiceFields) -> Result<Service> {
        policy::administer(caller, "change the catalog")?;
        let mut service = match id {
            Some(id) => self.registered_service(id).await?,
            None => {
                enough(self.db.services().await?.len())?;
                let (kind, name, description) = (String::new(), String::new(), String::new());
                Service { id: new_id(), kind, name, description, enabled: true, extra: Extra::default() }
            }
        };
        service.kind = fields.kind.unwrap_or(service.kind);
        service.name = fields.name.unwrap_or(service.name);
        service.description = fields.description.unwrap_or(service.description);
        service.enabled = fields.enabled.unwrap_or(service.enabled);
        check_name(&service.kind)?;
        check_text(&service.name)?;
        check_text(&service.description)?;
        extra::set(&mut service.extra, fields.extra)?;
        self.db.put_service(&service).await?;
        Ok(service)
    }

    /// Registers an endpoint, or changes one that was registered.
    pub async fn put_endpoint(&self, caller: &Caller, id: Option<&str>, fields: EndpointFields) -> Result<Endpoint> {
        policy::administer(caller, "change the catalog")?;
        let mut endpoint = match id {
            Some(id) => self.registered_endpoint(id).await?,
            None => {
                enough(self.db.endpoints().await?.len())?;
                let (service_id, interface, url) = (String::new(), String::new(), String::new());
                let extra = Extra::default();
                Endpoint { id: new_id(), service_id, interface, region_id: None, url, enabled: true, extra }
            }
        };
        endpoint.service_id = fields.service_id.unwrap_or(endpoint.service_id);
        endpoint.interface = fields.interface.unwrap_or(endpoint.interface);
        endpoint.region_id = fields.region_id.or(endpoint.region_id);
        endpoint.url = fields.url.unwrap_or(endpoint.url);
        endpoint.enabled = fields.enabled.unwrap_or(endpoint.enabled);
        extra::set(&mut endpoint.extra, fields.extra)?;
        if !INTERFACES.contains(&endpoint.interface.as_str()) {
            return Err(Error::Invalid("An endpoint's interface must be public, internal or admin.".into()));
        }
        let is_url = endpoint.url.starts_with("http://") || endpoint.url.starts_with("https://");
        if !is_url || endpoint.url.chars().count() > MAX_URL_CHARS || endpoint.url.chars().any(char::is_control) {
            return Err(Error::Invalid("An endpoint's url begins with http:// or https://.".into()));
        }
        self.registered_service(&endpoint.service_id).await?;
        if let Some(region) = &endpoint.region_id {
            self.add_region(caller, region, RegionFields::default()).await.or_else(|error| match error {
                Error::Conflict(_) => Ok(Region::named(region)),
                other => Err(other),
            })?;
        }
        self.db.put_endpoint(&endpoint).await?;
        Ok(endpoint)
    }

    /// Names a region.
    pub async fn add_region(&self, caller: &Caller, id: &str, fields: RegionFields) -> Result<Region> {
        policy::administer(caller, "change the catalog")?;
        check_name(id)?;
        let region = self.with(Region::named(id), fields).await?;
        enough(self.db.regions().await?.len())?;
        if id == self.region() || !self.db.insert_region(&region).await? {
            return Err(Error::Conflict(format!("There is a region '{id}' already.")));
        }
        Ok(region)
    }

    /// Changes a region that was named.
    pub async fn update_region(&self, caller: &Caller, id: &str, fields: RegionFields) -> Result<Region> {
        policy::administer(caller, "change the catalog")?;
        let found = self.db.regions().await?.into_iter().find(|region| region.id == id);
        let region = self.with(found.ok_or_else(|| no_such_region(id))?, fields).await?;
        let was_there = self.db.update_region(&region).await?;
        was_there.then_some(region).ok_or_else(|| no_such_region(id))
    }

    async fn with(&self, mut region: Region, fields: RegionFields) -> Result<Region> {
        region.description = fields.description.unwrap_or(region.description);
        check_text(&region.description)?;
        extra::set(&mut region.extra, fields.extra)?;
        if let Some(parent) = fields.parent_region_id {
            self.check_parent(&region.id, parent.as_deref()).await?;
            region.parent_region_id = parent;
        }
        Ok(region)
    }

    /// The region above is there, and not this one or one below it.
    async fn check_parent(&self, id: &str, parent: Option<&str>) -> Result<()> {
        let regions = self.db.regions().await?;
        let mut next = parent;
        while let Some(above) = next {
            if above == id {
                return Err(Error::Invalid("A region cannot be its own parent.".into()));
            }
            let found = regions.iter().find(|region| region.id == above);
            if found.is_none() && above != self.region() {
                return Err(no_such_region(above));
            }
            next = found.and_then(|region| region.parent_region_id.as_deref());
        }
        Ok(())
    }

    /// Takes a registered service out of the catalog.
    pub async fn delete_service(&self, caller: &Caller, id: &str) -> Result<()> {
        policy::administer(caller, "change the catalog")?;
        let service = self.registered_service(id).await?;
        self.db.delete_service(&service.id).await?;
        Ok(())
    }

    /// Takes a registered endpoint out of the catalog.
    pub async fn delete_endpoint(&self, caller: &Caller, id: &str) -> Result<()> {
        policy::administer(caller, "change the catalog")?;
        let endpoint = self.registered_endpoint(id).await?;
        self.db.delete_endpoint(&endpoint.id).await?;
        Ok(())
    }

    /// Forgets a region that no endpoint is in.
    pub async fn delete_region(&self, caller: &Caller, id: &str) -> Result<()> {
        policy::administer(caller, "change the catalog")?;
        let is_used = self.db.endpoints().await?.iter().any(|endpoint| endpoint.region_id.as_deref() == Some(id));
        if is_used || id == self.region() {
            return Err(Error::Conflict(format!("There are endpoints in the region '{id}'.")));
        }
        let was_there = self.db.delete_region(id).await?;
        was_there.then_some(()).ok_or_else(|| no_such_region(id))
    }

    fn own_services(&self) -> impl Iterator<Item = &'static OwnService> {
        let has_instances = self.catalog_has_instances;
        OWN_SERVICES.iter().filter(move |own| has_instances || !own.is_of_instances)
    }

    async fn every_service(&self) -> Result<Vec<Service>> {
        let own = self.own_services().map(|own| Service {
            id: stable_id(&["service", own.kind]),
            kind: own.kind.into(),
            name: own.name.into(),
            description: own.description.into(),
            enabled: true,
            extra: Extra::default(),
        });
        Ok(own.chain(self.db.services().await?).collect())
    }

    async fn every_endpoint(&self, base: &str) -> Result<Vec<Endpoint>> {
        let mut endpoints = Vec::new();
        for own in self.own_services() {
            endpoints.extend(INTERFACES.iter().map(|interface| Endpoint {
                id: stable_id(&["endpoint", own.kind, interface]),
                service_id: stable_id(&["service", own.kind]),
                interface: (*interface).to_owned(),
                region_id: Some(self.region().to_owned()),
                url: format!("{base}{}", own.path),
                enabled: true,
                extra: Extra::default(),
            }));
        }
        endpoints.extend(self.db.endpoints().await?);
        Ok(endpoints)
    }

    async fn registered_service(&self, id: &str) -> Result<Service> {
        if OWN_SERVICES.iter().any(|own| stable_id(&["service", own.kind]) == id) {
            return Err(own_stays());
        }
        let found = self.db.services().await?.into_iter().find(|service| service.id == id);
        found.ok_or_else(|| Error::NotFound(format!("Could not find service: {id}.")))
    }

    async fn registered_endpoint(&self, id: &str) -> Result<Endpoint> {
        if self.every_endpoint("").await?.iter().any(|own| own.id == id && own.url.starts_with('/')) {
            return Err(own_stays());
        }
        let found = self.db.endpoints().await?.into_iter().find(|endpoint| endpoint.id == id);
        found.ok_or_else(|| Error::NotFound(format!("Could not find endpoint: {id}.")))
    }
}

impl Region {
    fn named(id: &str) -> Region {
        Region { id: id.to_owned(), description: String::new(), parent_region_id: None, extra: Extra::default() }
    }
}

fn own_stays() -> Error {
    Error::Forbidden("Effigy's own services are part of the program; their address is server.public_url.".into())
}

fn enough(already: usize) -> Result<()> {
    let full = || {
        Error::Forbidden(format!("The catalog holds at most {MAX_ADDED} services and as many endpoints and regions."))
    };
    (already < MAX_ADDED).then_some(()).ok_or_else(full)
}

/// The id of something that has no row: the same in every process and after every start.
fn stable_id(parts: &[&str]) -> String {
    blake3::hash(parts.join("/").as_bytes()).to_hex()[..32].to_owned()
}

fn no_such_region(id: &str) -> Error {
    Error::NotFound(format!("Could not find region: {id}."))
}
