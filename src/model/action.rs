//! The actions on instances: who did them, and how they ended.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::UnknownWord;
use crate::ids::{InstanceId, ProjectId, UserId};

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<ActionResult>)]
pub enum ActionResult {
    /// As asked.
    Success,
    /// Not.
    Error,
}

/// One thing somebody did to an instance.
#[derive(Clone, Debug)]
pub struct ActionRow {
    pub id: String,
    /// `create`, `stop`, `forceOff`, `start`, `reboot`, `createImage`, `delete`.
    pub action: String,
    pub instance_id: InstanceId,
    pub request_id: String,
    pub user_id: UserId,
    /// The project of the request.
    pub project_id: ProjectId,
    pub start_ms: i64,
    pub finish_ms: Option<i64>,
    /// How it ended; `None` while it runs.
    pub result: Option<ActionResult>,
    /// Why it failed.
    pub message: Option<String>,
}

/// The entry that a new state makes in an instance's history.
#[derive(Clone, Copy, Debug)]
pub enum History<'a> {
    /// Nothing: whatever is being done goes on.
    GoesOn,
    /// This begins, and overtakes what had not ended.
    Begins(&'a ActionRow),
    /// The running action has ended, well or with this failure.
    Ends(Option<&'a str>),
    /// This happened though nobody asked for it, and ends what was running with its message.
    Happens(&'a ActionRow),
}
