//! The statement about an image.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::UnknownWord;

/// The result of a verification.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<Verdict>)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The format rules hold, the system inside is known, and nothing of high severity was found.
    Passed,
    /// Something of that does not hold.
    Failed,
}

/// How much of a disk a verification could tell.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<Seen>)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    /// The system inside is known, and everything was looked at.
    Whole,
    /// Something could not be looked at.
    Partly,
    /// No system that is known here was found.
    Unknown,
}

/// The result of a verification in short, which lists show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    pub seen: Seen,
    /// How many findings are more than information, and a broken rule of the file's format.
    pub problems: i64,
}

/// Where the verification of an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<VerificationState>)]
pub enum VerificationState {
    None,
    Waiting,
    Running,
    Done,
}

/// The statement about an image.
#[derive(Clone, Debug)]
pub struct VerificationRow {
    pub disk_root: String,
    pub rules: String,
    /// A DSSE envelope.
    pub statement: String,
}
