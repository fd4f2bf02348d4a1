//! One service for one PostgreSQL database: an advisory lock, which PostgreSQL holds for a connection of its own.
//!
//! The lock ends with the connection, and the connection with the process: a service that was killed leaves nothing
//! behind. A connection can also end while the process lives (PostgreSQL restarts, the network fails). Then another
//! service may have the lock at once, so whoever holds a [`ServiceLock`] must end when it is [`ServiceLock::lost`].

use std::time::Duration;

use sqlx::{Executor as _, postgres::PgListener};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

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
/// When PostgreSQL gives a silent client up, and the lock with it: after 20 seconds. That is well after the client has
/// noticed the silence and ended (4 seconds), and long before the two hours that are the system's default.
const KEEPALIVE: &str = "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 2; set statement_timeout = 0";

/// The right to be the one service on a database.
pub struct ServiceLock(PgListener);

impl ServiceLock {
    /// Takes the lock; `None` when another service has it.
    ///
    /// # Errors
    /// PostgreSQL is out of reach.
    pub async fn take(url: &str) -> Result<Option<ServiceLock>> {
        // A listener reads its connection while nothing is asked, and so notices at once that it was closed.
        let mut connection = PgListener::connect(url).await?;
        connection.eager_reconnect(false);
        connection.execute(KEEPALIVE).await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let taken = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(KEY);
            if taken.fetch_one(&mut connection).await? {
                return Ok(Some(ServiceLock(connection)));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            sleep(RETRY).await;
        }
    }

    /// Waits until the lock is lost, or may be; says why.
    pub async fn lost(self) -> String {
        let ServiceLock(mut connection) = self;
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
}
