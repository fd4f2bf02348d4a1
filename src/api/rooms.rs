//! The state of the API: the open rooms. `app` builds it.

use std::{net::IpAddr, time::Duration};

use tokio::runtime::Handle;

use super::{body::Bodies, health::Readiness, metrics::Metrics};
use crate::{
    config::Quota,
    db::Database,
    error::Result,
    identity::{Identity, lines::Lines},
    ids::ProjectId,
    images::Images,
    instances::{Instances, flavors::Flavors, key_pairs::KeyPairs, server_groups::ServerGroups},
    metadefs::Metadefs,
    model::usage::OwnLimits,
    queue::Queue,
    stores::Stores,
};

/// The parts that every handler can reach: the open rooms, and the settings that are HTTP's own.
pub struct Rooms {
    pub db: Database,
    pub identity: Identity,
    pub flavors: Flavors,
    /// The keys people sign in with.
    pub key_pairs: KeyPairs,
    pub server_groups: ServerGroups,
    /// The address clients know the service by; `None`: the one each request came to.
    pub public_url: Option<String>,
    /// The proxies whose word counts where a request came from.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a client may keep the service waiting.
    pub patience: Duration,
    /// The lines of the projects' requests.
    pub lines: Lines,
    /// The lines of the projects' questions to the cloud's own Compute service.
    pub compute_lines: Lines,
    /// The threads of crowds.
    pub background: Handle,
    /// The places for bodies that are read.
    pub bodies: Bodies,
    /// The quota of one project.
    pub quota: Quota,
    pub metrics: Metrics,
    /// Whether the service could work when it was last asked.
    pub readiness: Readiness,
    pub images: Images,
    pub stores: Stores,
    /// The definitions of properties: their names and values.
    pub metadefs: Metadefs,
    pub jobs: Queue,
    pub instances: Instances,
}

impl Rooms {
    /// The quota that holds for a project: its own limits where it has some.
    pub(super) async fn quota_of(&self, project: ProjectId) -> Result<Quota> {
        Ok(with_own(&self.quota, self.db.own_limits(&project).await?))
    }

    /// Whether there is such a project, as far as this service knows: in Keystone's cloud any may be one.
    pub(super) async fn may_be_a_project(&self, project: ProjectId) -> Result<bool> {
        Ok(self.identity.keystone().is_some() || self.db.project(project.as_str()).await?.is_some())
    }
}

/// A quota with the limits of a project in their places.
pub(super) fn with_own(usual: &Quota, own: OwnLimits) -> Quota {
    let limit = |own: Option<i64>, usual: u64| own.and_then(|own| own.try_into().ok()).unwrap_or(usual);
    Quota {
        images: limit(own.images, usual.images),
        image_bytes: limit(own.image_bytes, usual.image_bytes),
        uploads: limit(own.uploads, usual.uploads),
        staged_bytes: limit(own.staged_bytes, usual.staged_bytes),
        instances: limit(own.instances, usual.instances),
        vcpus: limit(own.vcpus, usual.vcpus),
        memory_mib: limit(own.memory_mib, usual.memory_mib),
        disk_gib: limit(own.disk_gib, usual.disk_gib),
        key_pairs: usual.key_pairs,
    }
}
