//! The instances a caller may use and change: every request about one passes here first.

use super::room::Room;
use crate::{
    error::Result,
    identity::{Caller, policy},
    ids::InstanceId,
    model::instance::InstanceRow,
};

impl Room {
    /// An instance that the caller may use, locked or not.
    pub(super) async fn may_use(&self, caller: &Caller, id: InstanceId) -> Result<InstanceRow> {
        let row = self.db.instance(id).await?.filter(|row| !row.is_deleted());
        let row = row.ok_or_else(|| policy::no_such_instance(id))?;
        policy::change_instance(caller, row.project_id, id)?;
        Ok(row)
    }

    /// An instance that the caller may change; only the admin changes a locked one.
    pub(super) async fn changeable(&self, caller: &Caller, id: InstanceId) -> Result<InstanceRow> {
        let row = self.may_use(caller, id).await?;
        if row.lock.is_some() {
            policy::change_locked_instance(caller, id)?;
        }
        Ok(row)
    }
}
