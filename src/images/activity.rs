//! The making of images: under way, and how it ended.

use super::Images;
use crate::{
    error::Result,
    identity::{Caller, image_policy},
    model::activity::{ActivityRow, ListActivity},
};

impl Images {
    /// The images of the caller's project that are on their way to bytes, and those that were made or failed lately.
    ///
    /// # Errors
    /// `Forbidden` for somebody without a role in a project.
    pub async fn activity(&self, caller: &Caller, wanted: ListActivity) -> Result<Vec<ActivityRow>> {
        self.0.db.image_activity(image_policy::project_of_lists(caller)?, wanted).await
    }
}
