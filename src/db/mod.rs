//! All SQL, and the checks that a statement has to make inside its transaction (states, quotas).
//!
//! One text serves SQLite and PostgreSQL: ids are text, times are milliseconds since 1970 as bigint,
//! flags are integers 0 and 1, placeholders are `$1`, `$2`, … written by hand.
//! One file for each noun, one method for each statement or transaction, named by its purpose.
//!
//! SQLite has one writer: all writes go through one connection and `begin immediate`, only in
//! [`Database::write`], so that writers queue in order instead of colliding. Reads have connections of their own (WAL).
//! On PostgreSQL they have so too, so that reads go on while commits hang; `connections` bounds every wait for it.

pub mod activity;
mod columns;
mod connections;
pub mod fills;
pub mod flavors;
pub mod image_copies;
pub mod image_pages;
pub mod image_tasks;
pub mod image_usage;
pub mod images;
pub mod instance_actions;
pub mod instance_pages;
pub mod instances;
pub mod jobs;
pub mod key_pairs;
pub mod members;
pub mod metadefs;
pub mod parts;
pub mod server_groups;
mod statement;

use std::{path::Path, time::Duration};

use sqlx::{
    AnyConnection, AnyPool, Connection as _, Executor as _,
    any::{AnyPoolOptions, install_default_drivers},
    migrate::Migrator,
    sqlite::SqliteError,
};

use self::connections::{Gate, Reads, Waits, Write};
use crate::{
    background,
    error::{Error, Result},
};

pub mod access_rules;
pub mod audit;
pub mod catalog;
pub mod census;
pub mod channels;
pub mod chunks;
pub mod credentials;
pub mod domains;
mod first_start;
pub mod groups;
pub mod projects;
pub mod quotas;
pub mod references;
pub mod remakes;
pub mod roles;
mod roots;
mod service_lock;
pub mod shares;
pub mod tokens;
pub mod users;
pub mod verifications;

pub use service_lock::ServiceLock;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// A limit that a list of a few things never reaches.
pub(crate) const ALL: u32 = 10_000;

/// SQLite's primary codes for what may pass: busy, locked, no memory, read-only, I/O, full, cannot open, protocol.
const SQLITE_MAY_PASS: [i32; 8] = [5, 6, 7, 8, 10, 13, 14, 15];

/// PostgreSQL's classes and codes for what may pass: lost connections, deadlocks, a server that is read-only, no
/// resources, locks that are not free, statements that are cancelled or take too long, a server that stops or starts,
/// files of its own that fail.
const POSTGRES_MAY_PASS: [&str; 8] = ["08", "40", "25006", "25P03", "53", "55P03", "57", "58"];

/// How long a request waits for a connection to SQLite, and its write for another process's write.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a start waits for PostgreSQL's greeting.
const GREETING: Duration = Duration::from_secs(10);

/// The database, open and migrated. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    reads: Connections,
    /// The connections of [the background](crate::background): SQLite is read by a thread of its own for each, and that has
    /// the priority of the thread that opened it.
    background_reads: Connections,
    writes: Connections,
    begin: &'static str,
    gate: Gate,
}

#[derive(Clone, Debug)]
struct Connections {
    pool: AnyPool,
    waits: Waits,
}

impl Database {
    /// Opens (and makes, if absent) the SQLite file and brings its tables up to date.
    pub async fn sqlite(file: &Path) -> Result<Database> {
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let prepared = |pool: AnyPoolOptions| {
            pool.acquire_timeout(PATIENCE).after_connect(|connection, _| {
                Box::pin(async move {
                    let pragmas = "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; \
                                   pragma busy_timeout = 10000; pragma cache_size = -2000; pragma temp_store = memory";
                    connection.execute(pragmas).await.map(drop)
                })
            })
        };
        install_default_drivers();
        // A file gives no sign of life that is worth asking for before each loan.
        let prepared = |pool: AnyPoolOptions| prepared(pool.test_before_acquire(false));
        let writes = prepared(connections::pool(1)).connect(&url).await?;
        SQLITE.run(&writes).await.map_err(Error::internal)?;
        let reads = prepared(connections::pool(sqlite_reads())).connect(&url).await?;
        let background_reads = prepared(connections::pool(sqlite_reads())).connect_lazy(&url)?;
        let of = |pool| Connections { pool, waits: Waits::without_limit() };
        let (reads, writes, background_reads) = (of(reads), of(writes), of(background_reads));
        Ok(Database { reads, background_reads, writes, begin: "begin immediate", gate: Gate::new() })
    }

    /// Connects to PostgreSQL and brings its tables up to date. Half of the connections are for reads.
    pub async fn postgres(url: &str, connections: u32) -> Result<Database> {
        install_default_drivers();
        migrate(url).await?;
        let gate = Gate::new();
        let writes = (connections / 2).max(1);
        let reads = connections.saturating_sub(writes).max(1);
        let of = |connections| {
            let pool = connections::postgres_pool(connections).connect_lazy(url)?;
            Ok::<_, sqlx::Error>(Connections { pool, waits: Waits::for_requests(gate.clone()) })
        };
        let reads = of(reads)?;
        Ok(Database { background_reads: reads.clone(), reads, writes: of(writes)?, begin: "begin", gate })
    }

    /// Writes a row and waits until it is durable: nothing less proves that the database takes changes.
    pub async fn prove_writable(&self) -> Result<()> {
        let mut write = self.write().await?;
        let text = "insert into meta (name, value) values ('last proof', $1) \
                    on conflict (name) do update set value = excluded.value";
        sqlx::query(text).bind(now_ms().to_string()).execute(&mut *write).await?;
        Ok(write.commit().await?)
    }

    /// How many statements can read at once.
    pub fn reads_at_once(&self) -> usize {
        self.reads.pool.options().get_max_connections() as usize
    }

    /// Closes every connection, after the statements under way.
    pub async fn close(&self) {
        self.reads.waits.close(&self.reads.pool).await;
        self.background_reads.waits.close(&self.background_reads.pool).await;
        self.writes.waits.close(&self.writes.pool).await;
    }

    /// The same database for statements that read or change all rows of a large table: they may take minutes.
    pub(crate) fn patient(&self) -> Database {
        let patient = |of: &Connections| Connections { pool: of.pool.clone(), waits: of.waits.patient() };
        let background_reads = patient(&self.background_reads);
        Database { reads: patient(&self.reads), background_reads, writes: patient(&self.writes), ..self.clone() }
    }

    /// Connections for statements that only read.
    pub(crate) fn reads(&self) -> Reads {
        let of = if background::is_here() { &self.background_reads } else { &self.reads };
        Reads { pool: of.pool.clone(), waits: of.waits.clone() }
    }

    /// Begins a transaction that may write.
    pub(crate) async fn write(&self) -> Result<Write> {
        Ok(Write::begin(&self.writes.pool, self.writes.waits.clone(), self.begin).await?)
    }
}

/// The connections that read SQLite: more than one project's requests have at work, so that another finds one free.
fn sqlite_reads() -> u32 {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    u32::try_from(cores + 2).unwrap_or(u32::MAX).max(4)
}

/// Brings the tables of a PostgreSQL up to date, on a connection without limits: a migration takes its time.
async fn migrate(url: &str) -> Result<()> {
    let connection = tokio::time::timeout(GREETING, AnyConnection::connect(url)).await;
    let mut connection = connection.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
    connection
        .execute("set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0")
        .await?;
    POSTGRES.run(&mut connection).await.map_err(Error::internal)?;
    Ok(connection.close().await?)
}

/// Milliseconds since 1970, now.
pub(crate) fn now_ms() -> i64 {
    (time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64
}

/// Whether the statement broke a unique constraint (SQLite names no constraint, so neither do we).
pub(crate) fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.is_unique_violation())
}

/// A database's errors at the door of every room.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        let code = error.as_database_error().and_then(|database| database.code());
        // PostgreSQL keeps no NUL in a text: such a name can only have come from a request.
        if code.as_deref() == Some("22021") {
            return Error::Invalid("the request contains the character NUL, which is not allowed in any text".into());
        }
        if !may_pass(&error) {
            return Error::internal(error);
        }
        tracing::error!(%error, "the database cannot be used now: {error}");
        Error::Unavailable("the database cannot be read or written now; try again in a moment".into())
    }
}

/// Whether the same statement may succeed later: the connection, the disk or a lock failed, not the statement.
fn may_pass(error: &sqlx::Error) -> bool {
    use sqlx::Error as Failure;
    match error {
        Failure::PoolTimedOut
        | Failure::PoolClosed
        | Failure::WorkerCrashed
        | Failure::Io(_)
        | Failure::Tls(_)
        | Failure::InvalidSavePointStatement
        | Failure::BeginFailed => true,
        Failure::Database(database) => {
            let code = database.code().unwrap_or_default();
            match database.try_downcast_ref::<SqliteError>() {
                // The low byte is the primary code.
                Some(_) => code.parse::<i32>().is_ok_and(|code| SQLITE_MAY_PASS.contains(&(code & 0xff))),
                None => POSTGRES_MAY_PASS.iter().any(|class| code.starts_with(class)),
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_connection_may_pass_and_a_wrong_statement_does_not() {
        for error in [sqlx::Error::PoolTimedOut, sqlx::Error::WorkerCrashed, sqlx::Error::InvalidSavePointStatement] {
            assert!(matches!(Error::from(error), Error::Unavailable(_)));
        }
        assert!(matches!(Error::from(sqlx::Error::RowNotFound), Error::Internal(_)));
    }
}
