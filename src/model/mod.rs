//! What the service keeps, as values: types only, without SQL and without doing anything.
//!
//! `db` reads and writes them, and the rooms hand them out as their own. One file for each noun, as everywhere.

pub mod action;
pub mod catalog;
pub mod credential;
pub mod event;
pub mod flavor;
pub mod image;
pub mod image_list;
pub mod instance;
pub mod job;
pub mod key_pair;
pub mod member;
pub mod metadef;
pub mod people;
pub mod role;
pub mod save;
pub mod task;
pub mod usage;
pub mod verification;

/// What became of a step that another may have been ahead of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was made.
    Done,
    /// The row is no longer as the step needs it.
    Lost,
}

impl Step {
    pub(crate) fn of(rows: u64) -> Step {
        if rows == 1 { Step::Done } else { Step::Lost }
    }
}
