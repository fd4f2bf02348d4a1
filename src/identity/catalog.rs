//! The catalog: Effigy's own services, and what an admin added.

use super::Identity;

/// One of Effigy's own services.
#[derive(Clone, Copy, Debug)]
pub struct OwnService {
    /// Its kind, the word clients look for.
    pub kind: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its endpoint below the service's address.
    // Terraform appends `v2/` to the image endpoint and nothing to compute's.
    pub path: &'static str,
}

/// Effigy's own services.
pub const OWN_SERVICES: [OwnService; 4] = [
    OwnService { kind: "compute", name: "compute", path: "/compute/v2.1" },
    OwnService { kind: "identity", name: "identity", path: "/identity" },
    OwnService { kind: "image", name: "image", path: "/image" },
    OwnService { kind: "network", name: "network", path: "/network" },
];

/// The interfaces every endpoint has.
pub const INTERFACES: [&str; 3] = ["admin", "internal", "public"];

/// A service with its endpoints.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// Where a service is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// The service it belongs to.
    pub service_id: String,
    /// `public`, `internal` or `admin`.
    pub interface: String,
    /// Its region.
    pub region: Option<String>,
    /// Its address.
    pub url: String,
}

impl Identity {
    /// Every service and where it is, as seen from `base`, the address clients know this service by.
    pub async fn catalog(&self, base: &str) -> crate::Result<Vec<Service>> {
        Ok(self.own_services(base))
    }

    fn own_services(&self, base: &str) -> Vec<Service> {
        OWN_SERVICES
            .iter()
            .map(|own| {
                let id = stable_id(&["service", own.kind]);
                let endpoint = |interface: &&str| Endpoint {
                    id: stable_id(&["endpoint", own.kind, interface]),
                    service_id: id.clone(),
                    interface: (*interface).to_owned(),
                    region: Some(self.region().to_owned()),
                    url: format!("{base}{}", own.path),
                };
                let endpoints = INTERFACES.iter().map(endpoint).collect();
                Service { id: id.clone(), kind: own.kind.into(), name: own.name.into(), endpoints }
            })
            .collect()
    }
}

/// The id of something that has no row: the same in every process and after every start.
fn stable_id(parts: &[&str]) -> String {
    blake3::hash(parts.join("/").as_bytes()).to_hex()[..32].to_owned()
}
