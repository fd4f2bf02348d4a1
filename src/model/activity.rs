//! The activity of a project: what is under way in it, and how it ended.

/// One thing that is being done to an image or an instance, or was.
#[derive(Clone, Debug)]
pub struct ActivityRow {
    /// The image's or instance's id.
    pub id: String,
    pub name: Option<String>,
    /// The road of a fill or `create`; of an instance the action, as its history has it.
    pub action: String,
    /// `under_way`, `done` or `failed`.
    pub state: String,
    /// Percent, where that is known.
    pub progress: Option<i64>,
    /// Why it failed.
    pub message: Option<String>,
    pub begun_ms: i64,
    pub ended_ms: Option<i64>,
    /// Whether the thing is there.
    pub is_there: bool,
}

/// The part of a project's activity that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ListActivity {
    /// The beginning of the time that ended things are looked for in; `None`: only what is under way.
    pub since_ms: Option<i64>,
    /// The most entries of images, and the most of instances.
    pub limit: u32,
}
