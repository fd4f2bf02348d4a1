//! Tasks: what clients see of an import.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::UnknownWord;
use crate::ids::{ImageId, JobId, ProjectId, UserId};

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<TaskStatus>)]
pub enum TaskStatus {
    Pending,
    Processing,
    Success,
    Failure,
}

/// The ways to ask for an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<TaskKind>)]
pub enum TaskKind {
    /// A task was made.
    Import,
    /// An image was told to import.
    ApiImageImport,
}

/// A task.
#[derive(Clone, Debug)]
pub struct ImageTask {
    /// Its id, and its job's.
    pub id: JobId,
    pub kind: TaskKind,
    pub image: ImageId,
    pub owner: ProjectId,
    pub user: UserId,
    pub request_id: String,
    pub status: TaskStatus,
    /// The request, as JSON.
    pub input: String,
    /// The result, as JSON.
    pub result: Option<String>,
    /// How far it is, or why it failed.
    pub message: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    /// When it is forgotten.
    pub expires_ms: Option<i64>,
}

/// The columns that order tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskOrder {
    #[default]
    Created,
    Id,
    Kind,
    Status,
}

/// The conditions of a list of tasks.
#[derive(Clone, Debug, Default)]
pub struct TaskPage {
    pub status: Option<TaskStatus>,
    pub kind: Option<TaskKind>,
    pub image: Option<ImageId>,
    /// Only after this one, in the page's order.
    pub after: Option<ImageTask>,
    /// The column that orders them, before their age.
    pub order: TaskOrder,
    /// The smallest and the oldest first.
    pub is_ascending: bool,
    pub limit: u32,
}
