//! The connections that statements run on, and how long anyone waits for one and for its answer.
//!
//! SQLite answers or fails by itself. PostgreSQL can be silent: frozen, cut off, or waiting for a disk of its own. So on
//! PostgreSQL each wait ends, by the first of these:
//! - its own limit: [`SLOT`] for a connection, [`ANSWER`] for a statement;
//! - [`BRIEF`] once a statement met its limit, for the next [`SILENCE`]: a request that has to ask several times waits its
//!   full time once. Were it so until a statement is answered, a database that is merely slow would stay refused;
//! - the [`Gate`], which closes when the lock of the service is lost or its connection is silent.
//!
//! A connection whose statement was not answered is in a state that nobody knows. It is never used again.

use std::{
    io,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use async_stream::try_stream;
use futures::{FutureExt as _, TryStreamExt as _, future::BoxFuture, stream::BoxStream};
use sqlx::{
    Any, AnyConnection, AnyPool, Connection as _, Describe, Either, Execute, Executor, SqlStr,
    any::{AnyPoolOptions, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo},
    pool::PoolConnection,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};

/// How long a request waits for a connection: a place among them, and PostgreSQL's greeting on a new one.
const SLOT: Duration = Duration::from_secs(3);
/// How long it waits for the answer to a statement. With a place and two brief waits that is ten seconds.
const ANSWER: Duration = Duration::from_secs(5);
/// How long it waits for either in a silence, and how long the gate is closed before nobody waits for it.
const BRIEF: Duration = Duration::from_secs(1);
/// How long waits are brief after a statement was not answered.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a statement may take that reads or changes all rows of a table, for nobody who waits.
const PATIENT: Duration = Duration::from_secs(600);
/// How long a connection keeps its place after its statement was given up. PostgreSQL may still work on that statement:
/// were the place free at once, a server that hangs would get new connections until it has none left for anybody.
const LIMBO: Duration = Duration::from_secs(60);

/// How each connection to PostgreSQL is prepared, so that a service that was cut off or frozen holds up nobody for long.
///
/// A lock that is not free is refused before the client gives the wait up, so that the connection stays in use. The limit of a
/// statement is that of patient ones. Before version 14, and on systems that cannot tell, PostgreSQL does not notice a
/// client that is gone while it works for it; it works on without the last setting.
const SESSION: &str = "set lock_timeout = '4s'; set statement_timeout = '10min'; \
    set idle_in_transaction_session_timeout = '10s'; \
    set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 2; \
    do $$ begin perform set_config('client_connection_check_interval', '2s', false); \
    exception when others then null; end $$";

type Step = Either<AnyQueryResult, AnyRow>;

/// Whether PostgreSQL may be asked at all. It is closed while this service does not hold its lock.
#[derive(Clone, Debug)]
pub(super) struct Gate(Arc<watch::Sender<Option<Instant>>>);

impl Gate {
    pub(super) fn new() -> Gate {
        Gate(Arc::new(watch::Sender::new(None)))
    }

    /// Lets statements pass.
    pub(super) fn open(&self) {
        self.0.send_replace(None);
    }

    /// Ends every wait for an answer, and lets no statement pass.
    pub(super) fn close(&self) {
        self.0.send_replace(Some(Instant::now()));
    }

    /// Waits a moment for a gate that was just closed: a connection that was ended is soon replaced, and whoever asks
    /// meanwhile need not fail.
    async fn passed(&self) -> sqlx::Result<()> {
        let Some(closed_at) = *self.0.borrow() else { return Ok(()) };
        let mut state = self.0.subscribe();
        timeout_at(closed_at + BRIEF, state.wait_for(Option::is_none)).await.map(drop).map_err(|_| Gate::is_closed())
    }

    async fn closed(&self) -> sqlx::Error {
        // The sender is ours and lives, so this ends only when the gate is closed.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
        Gate::is_closed()
    }

    fn is_closed() -> sqlx::Error {
        given_up("the service does not hold its lock of the database now")
    }
}

/// The limits of one pool's waits; none on SQLite.
#[derive(Clone, Debug)]
pub(super) struct Waits(Option<Limits>);

#[derive(Clone, Debug)]
struct Limits {
    answer: Duration,
    gate: Gate,
    /// Until when this pool's waits are brief.
    silence: Arc<watch::Sender<Option<Instant>>>,
}

impl Waits {
    pub(super) fn without_limit() -> Waits {
        Waits(None)
    }

    pub(super) fn for_requests(gate: Gate) -> Waits {
        Waits(Some(Limits { answer: ANSWER, gate, silence: Arc::new(watch::Sender::new(None)) }))
    }

    /// The same for statements that may take long.
    pub(super) fn patient(&self) -> Waits {
        Waits(self.0.clone().map(|limits| Limits { answer: PATIENT, ..limits }))
    }

    /// Waits for a connection.
    async fn for_connection<T>(&self, connection: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        let Some(limits) = &self.0 else { return connection.await };
        let limit = async {
            limits.limit(SLOT).await;
            given_up("no connection to the database became free")
        };
        limits.wait(connection, limit).await
    }

    /// Waits for the answer to a statement.
    async fn for_answer<T>(&self, answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        let Some(limits) = &self.0 else { return answer.await };
        let limit = async {
            if limits.limit(limits.answer).await {
                limits.silence.send_replace(Some(Instant::now() + SILENCE));
            }
            given_up("the database did not answer")
        };
        limits.wait(answer, limit).await
    }

    /// Closes a pool, after the statements under way.
    pub(super) async fn close(&self, pool: &AnyPool) {
        let closed = async {
            pool.close().await;
            Ok(())
        };
        // The end of the process closes whatever is open then.
        let _ = self.for_connection(closed).await;
    }
}

impl Limits {
    async fn wait<T>(
        &self,
        answer: impl Future<Output = sqlx::Result<T>>,
        limit: impl Future<Output = sqlx::Error>,
    ) -> sqlx::Result<T> {
        self.gate.passed().await?;
        tokio::select! {
            // The gate first: nothing is sent through a closed one, least of all a commit.
            biased;
            error = self.gate.closed() => Err(error),
            answer = answer => answer,
            error = limit => Err(error),
        }
    }

    /// Ends when the time is over, or shortly after a silence has begun. Says whether it was the whole time.
    async fn limit(&self, longest: Duration) -> bool {
        let mut silence = self.silence.subscribe();
        let begun = async {
            let is_now = |until: &Option<Instant>| until.is_some_and(|until| Instant::now() < until);
            let _ = silence.wait_for(is_now).await;
        };
        tokio::select! {
            () = sleep(longest) => true,
            () = begun.then(|()| sleep(BRIEF)) => false,
        }
    }
}

fn given_up(why: &'static str) -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, why))
}

fn is_silence<T>(answer: &sqlx::Result<T>) -> bool {
    matches!(answer, Err(sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::TimedOut)
}

/// Connections to PostgreSQL.
pub(super) fn postgres_pool(connections: u32) -> AnyPoolOptions {
    pool(connections)
        .acquire_timeout(SLOT)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SESSION).await.map(drop) }))
        // sqlx asks for a sign of life before it takes a connection back, and would wait for it for ever.
        .after_release(|connection, _| {
            Box::pin(async move {
                let is_well = timeout(BRIEF, connection.ping()).await;
                is_well.unwrap_or_else(|_| Err(given_up("no sign of life after the last statement"))).map(|()| true)
            })
        })
}

pub(super) fn pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new().max_connections(connections).min_connections(0)
}

/// A connection on loan, which goes back only when it is at rest.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Taken when the lease ends.
    connection: Option<PoolConnection<Any>>,
    waits: Waits,
    /// Every statement was answered.
    is_known: bool,
    /// A transaction may be open.
    is_open: bool,
}

impl Lease {
    async fn take(pool: &AnyPool, waits: Waits) -> sqlx::Result<Lease> {
        let connection = waits.for_connection(pool.acquire()).await?;
        Ok(Lease { connection: Some(connection), waits, is_known: true, is_open: false })
    }

    /// The connection, and what its answer must be awaited by.
    fn parts(&mut self) -> (&mut AnyConnection, Wait<'_>) {
        let connection = self.connection.as_mut().expect("only the end of the lease takes the connection");
        (connection, Wait { waits: &self.waits, is_known: &mut self.is_known })
    }

    /// The steps as they come: a reader that has enough takes no more, and holds no more in memory.
    fn steps<'e, 'q: 'e>(&'e mut self, query: impl Execute<'q, Any> + 'q) -> BoxStream<'e, sqlx::Result<Step>> {
        let (connection, mut wait) = self.parts();
        let mut steps = connection.fetch_many(query);
        Box::pin(try_stream! {
            while let Some(step) = wait.until(steps.try_next()).await? {
                yield step;
            }
        })
    }

    async fn first<'q>(&mut self, query: impl Execute<'q, Any> + 'q) -> sqlx::Result<Option<AnyRow>> {
        let (connection, mut wait) = self.parts();
        wait.until(connection.fetch_optional(query)).await
    }

    async fn described(&mut self, sql: SqlStr) -> sqlx::Result<Describe<Any>> {
        let (connection, mut wait) = self.parts();
        wait.until(connection.describe(sql)).await
    }

    async fn prepared(&mut self, sql: SqlStr, parameters: &[AnyTypeInfo]) -> sqlx::Result<AnyStatement> {
        let (connection, mut wait) = self.parts();
        wait.until(connection.prepare_with(sql, parameters)).await
    }
}

struct Wait<'l> {
    waits: &'l Waits,
    is_known: &'l mut bool,
}

impl Wait<'_> {
    async fn until<T>(&mut self, answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        // If this future is dropped before the answer, the connection stays marked. SQLite ends what it has begun.
        let was_known = std::mem::replace(self.is_known, self.waits.0.is_none());
        let answer = self.waits.for_answer(answer).await;
        *self.is_known = was_known && !is_silence(&answer);
        answer
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let connection = self.connection.take();
        if let Some(connection) = connection.filter(|_| self.is_open || !self.is_known) {
            tokio::spawn(undo(connection, self.waits.clone(), self.is_known));
        }
    }
}

/// Undoes an open transaction; then the connection goes back, unless its state is not known.
///
/// We say BEGIN and ROLLBACK ourselves, for sqlx counts transactions: SQLite undoes one by itself when its disk fails or is
/// full, sqlx's ROLLBACK fails then, its count stays, and it refuses each later BEGIN. Here the connection is closed.
async fn undo(mut connection: PoolConnection<Any>, waits: Waits, is_known: bool) {
    let undone = connection.execute("rollback");
    let is_undone = match &waits.0 {
        None => undone.await.is_ok(),
        Some(limits) => tokio::select! {
            undone = timeout(LIMBO, undone) => matches!(undone, Ok(Ok(_))),
            _ = limits.gate.closed() => false,
        },
    };
    if !(is_known && is_undone) {
        drop(connection.detach());
    }
}

/// Runs each statement on a connection of its own. For statements that only read.
#[derive(Debug)]
pub(crate) struct Reads {
    pub(super) pool: AnyPool,
    pub(super) waits: Waits,
}

impl<'c> Executor<'c> for Reads {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Step>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(try_stream! {
            let mut lease = Lease::take(&self.pool, self.waits).await?;
            let mut steps = lease.steps(query);
            while let Some(step) = steps.try_next().await? {
                yield step;
            }
        })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move { Lease::take(&self.pool, self.waits).await?.first(query).await })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        Box::pin(async move { Lease::take(&self.pool, self.waits).await?.prepared(sql, parameters).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Any>>>
    where
        'c: 'e,
    {
        Box::pin(async move { Lease::take(&self.pool, self.waits).await?.described(sql).await })
    }
}

/// The statements of one transaction.
impl<'c> Executor<'c> for &'c mut Lease {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Step>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        self.steps(query)
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(self.first(query))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        Box::pin(self.prepared(sql, parameters))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Any>>>
    where
        'c: 'e,
    {
        Box::pin(self.described(sql))
    }
}

/// A transaction that may write; ends with `commit`, or is undone when dropped.
#[derive(Debug)]
pub(crate) struct Write(Lease);

impl Write {
    pub(super) async fn begin(pool: &AnyPool, waits: Waits, begin: &'static str) -> sqlx::Result<Write> {
        let mut lease = Lease::take(pool, waits).await?;
        lease.is_open = true;
        let begun = lease.first(begin).await;
        // A file that could not be opened for writing when its disk failed, SQLite opens for reading, and keeps it so.
        lease.is_known &= begun.is_ok();
        begun.map(|_| Write(lease))
    }

    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        self.0.first("commit").await?;
        self.0.is_open = false;
        Ok(())
    }
}

impl Deref for Write {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        &self.0
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Lease {
        &mut self.0
    }
}
