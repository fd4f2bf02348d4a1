//! The catalog's rows that an admin added: regions, services and their endpoints.

use super::Extra;

/// A region.
#[derive(Clone, Debug)]
pub struct Region {
    /// Its id, which is its name.
    pub id: String,
    pub description: String,
    pub parent_region_id: Option<String>,
    pub extra: Extra,
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    pub id: String,
    /// Its kind, the word clients look for.
    pub kind: String,
    pub name: String,
    pub description: String,
    pub enabled: bool,
    pub extra: Extra,
}

/// Where a service is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub id: String,
    pub service_id: String,
    /// `public`, `internal` or `admin`.
    pub interface: String,
    pub region_id: Option<String>,
    pub url: String,
    pub enabled: bool,
    pub extra: Extra,
}
