//! Audit events.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::UnknownWord;

/// How the request of an event ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<Outcome>)]
pub enum Outcome {
    #[default]
    Success,
    Failure,
}

/// An event: the user, the action, its object, the time, the client's address and the outcome.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// Its id; ids grow with time.
    pub id: String,
    pub at_ms: i64,
    /// Our id of the request.
    pub request_id: String,
    /// The client's own id of it.
    pub client_request_id: Option<String>,
    /// The user; absent when the request proved none.
    pub user_id: Option<String>,
    /// The name of the user, or the name that it gave.
    pub user_name: Option<String>,
    /// The project of the request.
    pub project_id: Option<String>,
    pub project_name: Option<String>,
    /// From where.
    pub address: Option<String>,
    pub action: String,
    /// To what.
    pub target_id: Option<String>,
    pub outcome: Outcome,
    /// The status of the answer.
    pub status: i64,
    /// Why it failed.
    pub reason: Option<String>,
    /// How often it was met: refused sign-ins of one hour are counted on their first.
    pub times: i64,
}

/// The conditions of a list of events; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Events<'a> {
    pub user_id: Option<&'a str>,
    /// In whatever case.
    pub user_name: Option<&'a str>,
    pub project_id: Option<&'a str>,
    /// In whatever case.
    pub project_name: Option<&'a str>,
    /// This one, or those whose names go on after it and a dot.
    pub action: Option<&'a str>,
    pub outcome: Option<Outcome>,
    /// At this time or later.
    pub since_ms: Option<i64>,
    /// Before this time.
    pub until_ms: Option<i64>,
    /// To this thing, or to a part of it.
    pub target_id: Option<&'a str>,
    pub request_id: Option<&'a str>,
    pub marker: Option<&'a str>,
    pub limit: u32,
}
