//! The records that the service keeps, as values: types only, without SQL and without behaviour.
//!
//! `db` reads and writes them, and the rooms hand them out as their own. One file for each noun, as everywhere. An
//! enum's words are written once, for `strum`: `into_str` and `parse` read them, and they are the words of the wire and of
//! the database.

pub mod action;
pub mod activity;
pub mod catalog;
pub mod channel;
pub mod credential;
pub mod event;
pub mod fill;
pub mod flavor;
pub mod hardware;
pub mod image;
pub mod image_list;
pub mod instance;
pub mod instance_list;
pub mod job;
pub mod key_pair;
pub mod member;
pub mod metadef;
pub mod people;
pub mod reference;
pub mod role;
pub mod server_group;
pub mod share;
pub mod task;
pub mod usage;
pub mod verification;

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};
use strum::VariantNames;

use crate::error::{Error, Result};

/// The longest part of a client's text that is repeated to it.
const SHOWN: usize = 64;

/// The text is not one of the words there are.
#[derive(Debug, thiserror::Error)]
#[error("'{text}' must be one of: {}", known.join(", "))]
pub struct UnknownWord {
    text: String,
    known: &'static [&'static str],
}

impl UnknownWord {
    fn of<T: VariantNames>(text: &str) -> UnknownWord {
        UnknownWord { text: text.chars().take(SHOWN).collect(), known: T::VARIANTS }
    }
}

impl From<UnknownWord> for Error {
    fn from(error: UnknownWord) -> Error {
        Error::Invalid(error.to_string())
    }
}

/// A value that a row keeps as JSON. Lists show it as it is; whoever changes it reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<T> {
    json: String,
    value: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Kept<T> {
    /// The value in its JSON.
    pub fn of(value: &T) -> Kept<T> {
        Kept::from_row(serde_json::to_string(value).expect("what rows keep can be written as JSON"))
    }

    /// Reads the value.
    ///
    /// # Errors
    /// `Internal` for a damaged row.
    pub fn read(&self) -> Result<T> {
        serde_json::from_str(&self.json).map_err(Error::internal)
    }
}

impl<T> Kept<T> {
    /// The value that a row holds.
    pub(crate) fn from_row(json: String) -> Kept<T> {
        Kept { json, value: PhantomData }
    }

    /// Its JSON.
    pub fn as_json(&self) -> &str {
        &self.json
    }
}

/// The fields of a thing of Identity beside those that are known (Keystone's column `extra`).
pub type Extra = Kept<serde_json::Map<String, serde_json::Value>>;

impl<T: Serialize + DeserializeOwned + Default> Default for Kept<T> {
    fn default() -> Kept<T> {
        Kept::of(&T::default())
    }
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// The outcome of a step that may have come too late: another change may have come first.
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
