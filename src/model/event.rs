//! Audit events.

/// Who did what to what, when, from where, and how it ended.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// Its id; ids grow with time.
    pub id: String,
    /// When.
    pub at_ms: i64,
    /// Our id of the request.
    pub request_id: String,
    /// The client's own id of it.
    pub client_request_id: Option<String>,
    /// Who; absent when nobody was proven.
    pub user_id: Option<String>,
    /// What the user is called, or called itself.
    pub user_name: Option<String>,
    /// In which project.
    pub project_id: Option<String>,
    /// What the project is called.
    pub project_name: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// What was done.
    pub action: String,
    /// To what.
    pub target_id: Option<String>,
    /// `success` or `failure`.
    pub outcome: String,
    /// The status of the answer.
    pub status: i64,
    /// Why it failed.
    pub reason: Option<String>,
}

/// Which events to list; `None` asks for all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Events<'a> {
    /// By this user.
    pub user_id: Option<&'a str>,
    /// In this project.
    pub project_id: Option<&'a str>,
    /// Of this action.
    pub action: Option<&'a str>,
    /// To this thing, or to a part of it.
    pub target_id: Option<&'a str>,
    /// Of this request.
    pub request_id: Option<&'a str>,
    /// Before this event.
    pub marker: Option<&'a str>,
    /// At most so many.
    pub limit: u32,
}
