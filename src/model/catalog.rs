//! The catalog's rows that an admin added: regions, services and their endpoints.

/// A region.
#[derive(Clone, Debug)]
pub struct Region {
    /// Its id, which is its name.
    pub id: String,
    /// Its description.
    pub description: String,
    /// The region it is a part of.
    pub parent_region_id: Option<String>,
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its id.
    pub id: String,
    /// Its kind, the word clients look for.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Whether it is in the catalog.
    pub enabled: bool,
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
    pub region_id: Option<String>,
    /// Its address.
    pub url: String,
    /// Whether it is in the catalog.
    pub enabled: bool,
}
