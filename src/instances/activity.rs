//! The actions on instances, and how they ended.

use super::Instances;
use crate::{
    error::Result,
    identity::{Caller, policy},
    model::activity::{ActivityRow, ListActivity},
};

impl Instances {
    /// The actions on the instances of the caller's project, the newest first.
    ///
    /// # Errors
    /// `Forbidden` for somebody without a role in a project.
    pub async fn activity(&self, caller: &Caller, wanted: ListActivity) -> Result<Vec<ActivityRow>> {
        match policy::list_instances(caller, false)? {
            Some(project) => self.0.db.instance_activity(project, wanted).await,
            None => Ok(Vec::new()),
        }
    }
}
