//! One service for one PostgreSQL database: an advisory lock, which PostgreSQL holds for a connection of its own.
//!
//! The lock ends with the connection, and the connection with the process: a service that was killed leaves nothing
//! behind. A connection can also end, or fall silent, while the process lives: PostgreSQL restarts, the network fails.
//! Then another service may have the lock at once. So the one that lost it asks the database nothing any more, until it
//! has the lock again and has seen that nobody else had it meanwhile: each service that takes the lock writes its name
//! into a row. If somebody had it, or the database is of another history (a copy that was promoted, a backup), what the
//! service remembers may be wrong, and it must end.

use std::time::Duration;

use sqlx::{Executor as _, postgres::PgListener};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::Database;
use crate::error::Result;

/// The lock's number: "effigy" in ASCII. Advisory locks are of one database, so each database has its own.
const KEY: i64 = 0x6566_6669_6779;
/// How long a start waits for the lock: PostgreSQL needs a moment to notice that a killed service is gone.
const PATIENCE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_millis(100);
/// How often PostgreSQL is asked for a sign of life. A connection that is closed is noticed without that.
const PING: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PONG: Duration = Duration::from_secs(3);
/// How long one try to take the lock again may last.
const TRY: Duration = Duration::from_secs(5);
/// When PostgreSQL gives a silent client up, and the lock with it: after 20 seconds. That is well after the client has
/// noticed the silence and asks nothing more (4 seconds), and long before the two hours that are the system's default.
const KEEPALIVE: &str = "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 2; set statement_timeout = 0";
/// The history that a database writes; a server that follows another, and may lack what that one has promised, fails.
const HISTORY: &str = "select system_identifier::text || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) \
                       from pg_control_system()";

/// The right to be the one service on a database.
pub struct ServiceLock {
    url: String,
    /// The name of this run of the service.
    name: String,
    /// `None` on a server that does not tell: then the lock is lost for good.
    history: Option<String>,
    session: Session,
}

/// A connection, and the number PostgreSQL knows it by.
struct Session {
    connection: PgListener,
    number: i32,
}

impl Session {
    async fn connect(url: &str) -> Result<Session> {
        // A listener reads its connection while nothing is asked, and so notices at once that it was closed.
        let mut connection = PgListener::connect(url).await?;
        connection.eager_reconnect(false);
        connection.execute(KEEPALIVE).await?;
        let number = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut connection).await?;
        Ok(Session { connection, number })
    }

    async fn try_lock(&mut self) -> Result<bool> {
        let taken = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(KEY);
        Ok(taken.fetch_one(&mut self.connection).await?)
    }
}

impl ServiceLock {
    /// Takes the lock; `None` when another service has it.
    ///
    /// # Errors
    /// PostgreSQL is out of reach.
    pub async fn take(url: &str) -> Result<Option<ServiceLock>> {
        let mut session = Session::connect(url).await?;
        let deadline = Instant::now() + PATIENCE;
        while !session.try_lock().await? {
            if Instant::now() >= deadline {
                return Ok(None);
            }
            sleep(RETRY).await;
        }
        let history = sqlx::query_scalar(HISTORY).fetch_one(&mut session.connection).await.ok();
        let name = uuid::Uuid::new_v4().to_string();
        let mut lock = ServiceLock { url: url.into(), name, history, session };
        // Before anything else is changed: whoever had the lock before must not take it for its own again.
        let has_tables = sqlx::query_scalar("select to_regclass('meta') is not null");
        if has_tables.fetch_one(&mut lock.session.connection).await? {
            lock.sign().await?;
        }
        Ok(Some(lock))
    }

    async fn sign(&mut self) -> Result<()> {
        let text = "insert into meta (name, value) values ('service', $1) \
                    on conflict (name) do update set value = excluded.value";
        sqlx::query(text).bind(&self.name).execute(&mut self.session.connection).await?;
        Ok(())
    }

    /// Lets nothing through to the database while the lock is lost, or may be. Ends when another service may have had
    /// it; says why.
    pub async fn keep(mut self, db: &Database) -> String {
        // The first start made the table only now.
        if let Err(error) = self.sign().await {
            return error.to_string();
        }
        loop {
            let why = self.lost().await;
            db.gate.close();
            if self.history.is_none() {
                return why;
            }
            tracing::error!(
                "lost the lock of the PostgreSQL database ({why}): until the service has it again, requests that need the \
                 database are refused"
            );
            loop {
                match timeout(TRY, self.take_again()).await {
                    Ok(Ok(Again::Taken)) => break,
                    Ok(Ok(Again::Lost(why))) => return why.into(),
                    Ok(Ok(Again::Busy)) => {}
                    Ok(Err(error)) => tracing::debug!("cannot take the lock again: {error}"),
                    Err(_) => tracing::debug!("cannot take the lock again within {} s", TRY.as_secs()),
                }
                sleep(RETRY).await;
            }
            db.gate.open();
            tracing::warn!("has the lock of the PostgreSQL database again; no other service has had it meanwhile");
        }
    }

    /// Waits until the lock is lost, or may be; says why.
    async fn lost(&mut self) -> String {
        let connection = &mut self.session.connection;
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                heard = connection.try_recv() => match heard {
                    // A notification that nobody asked for.
                    Ok(Some(_)) => {}
                    Ok(None) => return "PostgreSQL closed the connection".into(),
                    Err(error) => return error.to_string(),
                },
                _ = pings.tick() => match timeout(PONG, connection.execute("select 1")).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return error.to_string(),
                    Err(_) => return format!("PostgreSQL did not answer within {} s", PONG.as_secs()),
                },
            }
        }
    }

    async fn take_again(&mut self) -> Result<Again> {
        let mut session = Session::connect(&self.url).await?;
        let is_taken = session.try_lock().await?;
        // Only then is it known who had it last; and a name that is not ours says so without the lock too.
        let named = sqlx::query_scalar("select value from meta where name = 'service'");
        let named: Option<String> = named.fetch_optional(&mut session.connection).await?;
        if named.as_ref() != Some(&self.name) {
            return Ok(Again::Lost("another service has had it"));
        }
        if !is_taken {
            // Our own silent connection may have it still. Its number may be another's by now, but not with this lock.
            let text = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid = $1 \
                        and database = (select oid from pg_database where datname = current_database())";
            sqlx::query(text).bind(self.session.number).execute(&mut session.connection).await?;
            return Ok(Again::Busy);
        }
        let history: String = sqlx::query_scalar(HISTORY).fetch_one(&mut session.connection).await?;
        if self.history.as_ref() != Some(&history) {
            return Ok(Again::Lost("this database has another history than the one it was taken in"));
        }
        self.session = session;
        Ok(Again::Taken)
    }
}

/// The outcome of a try to take the lock again.
enum Again {
    Taken,
    /// Somebody has it: an old connection of ours, or a service that has not said its name yet.
    Busy,
    /// For good.
    Lost(&'static str),
}
