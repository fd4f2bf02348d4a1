//! What was done to instances, by whom, and how it ended.

use std::{fmt, str::FromStr};

use super::instance::{UnknownWord, words};
use crate::ids::{InstanceId, ProjectId, UserId};

words! {
    /// How an action ended.
    ActionResult {
        /// As asked.
        Success = "Success",
        /// Not.
        Error = "Error",
    }
}

/// One thing somebody did to an instance.
#[derive(Clone, Debug)]
pub struct ActionRow {
    /// Its own id.
    pub id: String,
    /// What.
    pub action: String,
    /// To which instance.
    pub instance_id: InstanceId,
    /// The request that asked for it.
    pub request_id: String,
    /// Who asked.
    pub user_id: UserId,
    /// In which project.
    pub project_id: ProjectId,
    /// When it began.
    pub start_ms: i64,
    /// When it ended.
    pub finish_ms: Option<i64>,
    /// How it ended; `None` while it runs.
    pub result: Option<ActionResult>,
    /// What went wrong.
    pub message: Option<String>,
}

/// What a new state of an instance means for its history.
#[derive(Clone, Copy, Debug)]
pub enum History<'a> {
    /// Nothing: whatever is being done goes on.
    GoesOn,
    /// This begins, and overtakes what had not ended.
    Begins(&'a ActionRow),
    /// What was being done has ended, well or with this failure.
    Ends(Option<&'a str>),
}
