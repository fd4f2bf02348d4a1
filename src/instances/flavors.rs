//! Flavors: how many CPUs, how much memory and disk an instance gets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The CPUs, memory and disk of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flavor {
    /// Its id: a word or a number, chosen by the admin.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// Disk, in GiB; 0: as large as the image's.
    pub disk_gib: u64,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Hints in Nova's words.
    #[serde(default)]
    pub extra_specs: BTreeMap<String, String>,
    /// Whether every project may use it.
    #[serde(default = "yes")]
    pub is_public: bool,
}

fn yes() -> bool {
    true
}
