//! The host that instances run on, as its operator sees it.

use super::{Instances, space};
use crate::{
    error::Result,
    identity::{Caller, policy},
    model::instance::Usage,
};

/// The part of the host that instances take, and the part that they may take.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Those that run, or are about to.
    pub running: Usage,
    /// Memory that running instances may have together.
    pub memory_mib: u64,
    /// Free bytes of the file system that their disks are on; `None` when it does not say.
    pub disk_free_bytes: Option<u64>,
    /// The bytes that are kept free there: guests are paused before they eat them.
    pub disk_reserve_bytes: u64,
}

impl Instances {
    /// The host of the instances.
    ///
    /// # Errors
    /// `Forbidden` for all but administrators.
    pub async fn host(&self, caller: &Caller) -> Result<Host> {
        policy::administer(caller, "see the host")?;
        let room = &self.0;
        Ok(Host {
            running: room.db.running_usage().await?,
            memory_mib: room.host_memory_mib,
            disk_free_bytes: space::free_bytes(&room.folder),
            disk_reserve_bytes: room.settings.reserve_mib.saturating_mul(1 << 20),
        })
    }
}
