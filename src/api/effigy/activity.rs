//! The things under way in a project, and how they ended.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::Refusals;
use crate::{
    api::{
        caller::Asked,
        error::{Answer, ErrorBody},
        paging::Query,
        times,
    },
    db::now_ms,
    error::{Error, Result},
    model::activity::{ActivityRow, ListActivity},
};

/// How far back ended things are listed.
const LATELY_MS: i64 = 24 * 3_600_000;
/// The most entries of images, and of instances: more than somebody reads.
const MOST: u32 = 100;

/// The activity of the caller's project, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = ActivityAnswer)]
pub(super) struct Shown {
    activity: Vec<Activity>,
    /// How many images other projects offer this one, which nobody here has accepted or rejected yet.
    offers: i64,
}

/// Something that is being done to an image or an instance, or was.
#[derive(Serialize, ToSchema)]
struct Activity {
    thing: Thing,
    id: String,
    name: Option<String>,
    /// Of an image `create`, or the road that it is on: `upload`, `stage`, `parts`, `import`, `capture`, `clean`, `copy`; of an
    /// instance as in its history: `create`, `start`, `stop`, `delete` and so on.
    action: String,
    /// `under_way`, `done` or `failed`.
    state: String,
    /// Percent, where it is known.
    progress: Option<i64>,
    /// Why it failed.
    message: Option<String>,
    #[schema(format = DateTime)]
    begun_at: String,
    /// Null while it is under way.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Whether the thing is still there.
    is_there: bool,
}

/// The kind of the thing.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ActivityThing)]
enum Thing {
    Image,
    Instance,
}

/// Lists what is under way in the caller's project, and what ended within a day.
#[utoipa::path(
    get, path = "/activity", operation_id = "list_activity", tag = "projects",
    params(("under_way" = Option<bool>, Query, description = "Only what is under way")),
    responses(
        (status = 200, description = "The activity", body = Shown),
        (status = 400, description = "A filter that there is not", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn list(Asked { rooms, caller, .. }: Asked, query: Query) -> Answer<Json<Shown>> {
    let since_ms = (!is_only_under_way(&query)?).then(|| now_ms() - LATELY_MS);
    let wanted = ListActivity { since_ms, limit: MOST };
    let images = rooms.images.activity(&caller, wanted).await?;
    let instances = match rooms.instances.are_enabled() {
        true => rooms.instances.activity(&caller, wanted).await?,
        false => Vec::new(),
    };
    let images = images.into_iter().map(|row| (Thing::Image, row));
    let mut rows: Vec<_> = images.chain(instances.into_iter().map(|row| (Thing::Instance, row))).collect();
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.begun_ms));
    let activity = rows.into_iter().map(shown).collect();
    Ok(Json(Shown { activity, offers: rooms.images.offers(&caller).await? }))
}

fn is_only_under_way(query: &Query) -> Result<bool> {
    let mut only = false;
    for (name, value) in query.pairs() {
        only = match (name, value) {
            ("under_way", "true") => true,
            ("under_way", "false") => false,
            ("under_way", _) => {
                return Err(Error::Invalid(format!("the filter under_way must be true or false, not '{value}'")));
            }
            _ => return Err(Error::Invalid(format!("activity is filtered by under_way, not by '{name}'"))),
        };
    }
    Ok(only)
}

fn shown((thing, row): (Thing, ActivityRow)) -> Activity {
    Activity {
        thing,
        id: row.id,
        name: row.name,
        action: row.action,
        state: row.state,
        progress: row.progress,
        message: row.message,
        begun_at: times::seconds_z(row.begun_ms),
        ended_at: row.ended_ms.map(times::seconds_z),
        is_there: row.is_there,
    }
}
