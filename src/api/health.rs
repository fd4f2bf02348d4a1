//! Whether the service lives, whether it can work, and which one it is.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use serde_json::json;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use utoipa::ToSchema;

use super::Api;
use crate::error::Result;

/// How long an answer holds: anybody may ask, and each proof writes to the disk.
const HOLDS: Duration = Duration::from_secs(1);
/// How long a part may take to prove that it works.
const PROOF: Duration = Duration::from_secs(3);

/// The last answer, and when it was found. Its lock lets one request look while the others wait for what it finds.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, Health)>>);

/// Whether the service can work, part by part. The reasons are fixed words, for anybody reads them.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct Health {
    pub(super) ready: bool,
    database: &'static str,
    /// The default store.
    store: &'static str,
    /// Whether every chunk can be read, as far as reads and scrubs have told.
    chunks: &'static str,
    sweeping: &'static str,
}

/// The process lives.
pub(super) async fn healthz() -> &'static str {
    "OK"
}

/// The service can work: the database and the store take writes.
pub(super) async fn readyz(State(rooms): State<Api>) -> (StatusCode, Json<Health>) {
    let health = lately(&rooms).await;
    (if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(health))
}

/// The health of this moment, or of a moment ago.
pub(super) async fn lately(rooms: &Api) -> Health {
    let mut last = rooms.readiness.0.lock().await;
    let health = match *last {
        Some((at, health)) if at.elapsed() < HOLDS => return health,
        _ => look(rooms).await,
    };
    *last = Some((Instant::now(), health));
    health
}

/// Asks every part; the errors go to the log.
async fn look(rooms: &Api) -> Health {
    let store = rooms.stores.default_store();
    let (database, writable, chunks) = tokio::join!(
        is_proved("the database", rooms.db.prove_writable()),
        is_proved("the default store", store.prove_writable()),
        damage(rooms),
    );
    let has_room = is_proved("the room of the default store", async { store.check_room() }).await;
    let store = match (writable, has_room) {
        (false, _) => "cannot be written",
        (true, false) => "has less room than store.reserve_mib keeps free",
        (true, true) => "ok",
    };
    // Nothing that a request needs: the service is ready all the same, and its operator is told.
    let is_sweep_stopped = rooms.stores.all().iter().any(|store| store.is_sweep_stopped());
    Health {
        ready: database && store == "ok",
        database: if database { "ok" } else { "cannot be written" },
        store,
        chunks,
        sweeping: if is_sweep_stopped { "left something undone" } else { "ok" },
    }
}

/// Whether every chunk can be read, as far as reads and scrubs have told: most of what is stored can be, so the service is
/// ready all the same.
async fn damage(rooms: &Api) -> &'static str {
    for store in rooms.stores.all() {
        match timeout(PROOF, store.index.damaged_chunks()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(_)) => return "some are damaged",
            // The database's own word tells it.
            Ok(Err(_)) | Err(_) => return "not known",
        }
    }
    "ok"
}

async fn is_proved(part: &str, proof: impl Future<Output = Result<()>>) -> bool {
    match timeout(PROOF, proof).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tracing::error!("not ready: {part}: {error}"),
        Err(_) => tracing::error!("not ready: {part} did not answer within {} s", PROOF.as_secs()),
    }
    false
}

/// The version and the build of this program.
pub(super) async fn version() -> Json<serde_json::Value> {
    Json(json!({"name": "effigy", "version": crate::VERSION}))
}
