//! Flavors: the sizes of instances.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::ProjectId;

/// The size of an instance. An instance keeps a copy of the flavor it was made with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flavor {
    /// Its id: any short text, chosen by the admin or generated.
    pub id: String,
    /// Its name; no two flavors share one.
    pub name: String,
    pub vcpus: u32,
    pub memory_mib: u64,
    /// The least size of the disk; 0 means as large as the image's.
    pub disk_gib: u64,
    /// Kept and shown; instances have one disk.
    #[serde(default)]
    pub ephemeral_gib: u64,
    /// Kept and shown; instances have one disk.
    #[serde(default)]
    pub swap_mib: u64,
    /// Kept and shown.
    pub rxtx_factor: f64,
    pub is_public: bool,
    /// For people.
    pub description: Option<String>,
    /// The operator's own words.
    pub extra_specs: BTreeMap<String, String>,
}

/// The flavors that a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlavorsSeen {
    /// Public ones, and those the project has access to.
    By(ProjectId),
    Public,
    NotPublic,
    All,
}
