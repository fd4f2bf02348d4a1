//! The state of the API: the open rooms. `app` builds it.

use std::{net::IpAddr, time::Duration};

use super::{body::Bodies, health::Readiness, metrics::Metrics};
use crate::{
    config::Quota,
    db::Database,
    identity::{Identity, lines::Lines},
    images::Images,
    instances::{Instances, flavors::Flavors, key_pairs::KeyPairs},
    metadefs::Metadefs,
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
    /// The address clients know the service by; `None`: the one each request came to.
    pub public_url: Option<String>,
    /// The proxies whose word counts where a request came from.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a client may keep the service waiting.
    pub patience: Duration,
    /// The lines of the projects' requests.
    pub lines: Lines,
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
