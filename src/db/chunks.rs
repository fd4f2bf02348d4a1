//! Where chunks lie: the index of each named store.
//!
//! [`chunks::Index`] says what each method must do; why the sweep may rely on it, in the store's `sweep.rs`.
//! Every change of rows of chunks or sessions takes the store's turn first ([`StoreIndex::write`]): SQLite has one
//! writer anyway, and PostgreSQL gets the same order of changes, so nothing deadlocks and nobody sees half of a rule.
//! The rows of every statement are one store's: its number is bound first.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chunks::{Answer, BATCH_ROWS, Digest, Index, Location, Move, Row, SegmentRow, SessionRow, SweepRow, Totals};
use sqlx::{Any, AssertSqlSafe, Row as _, any::AnyArguments, any::AnyRow, query::Query};

use super::{Database, Reads, Write, now_ms};
use crate::{
    error::{Error, Result},
    model::fill::Hold,
};

const COLUMNS: &str = "digest, segment, start, stored_bytes, raw_bytes, epoch, condemned, damaged, content_bytes";

/// A statement that names digests has one of these numbers of them, the last one repeated: few texts, so that each
/// is prepared once.
const DIGESTS: [usize; 4] = [1, 32, 256, BATCH_ROWS];

/// Rows that one statement inserts. SQLite finds a numbered parameter by walking all of them, so a statement's cost
/// grows with the square of its parameters: a thousand rows at once took a quarter of an upload's CPU.
const INSERT_ROWS: usize = 32;

type Statement<'q> = Query<'q, Any, AnyArguments>;

/// The index of one named store.
#[derive(Clone, Debug)]
pub struct StoreIndex {
    db: Database,
    number: i64,
    name: Arc<str>,
    was_opened: bool,
}

/// Holds the session that wrote what this transaction makes reachable; the transaction must fail if this does.
///
/// # Errors
/// `Unavailable` when the session was ended from outside: a sweep may have taken what it wrote.
pub(crate) async fn hold_session(write: &mut Write, hold: &Hold) -> Result<()> {
    let text = "update chunk_sessions set ended = 0 where id = $1 and ended = 0 \
                and store = (select id from chunk_stores where name = $2)";
    let statement = sqlx::query(text).bind(hold.session as i64).bind(hold.store.clone());
    let held = statement.execute(&mut **write).await?;
    match held.rows_affected() {
        1 => Ok(()),
        _ => Err(Error::Unavailable("the save took too long to show a sign of life; send it again".into())),
    }
}

/// `$from, …` for as many digests as the statement gets.
fn places(from: usize, count: usize) -> String {
    let places: Vec<String> = (from..from + padded(count)).map(|place| format!("${place}")).collect();
    places.join(", ")
}

fn padded(count: usize) -> usize {
    DIGESTS.into_iter().find(|size| *size >= count).unwrap_or(count)
}

fn bind_digests<'q>(mut statement: Statement<'q>, digests: &[Digest]) -> Statement<'q> {
    let Some(last) = digests.last() else { return statement };
    for place in 0..padded(digests.len()) {
        statement = statement.bind(digests.get(place).unwrap_or(last).as_bytes().to_vec());
    }
    statement
}

fn u64_of(row: &AnyRow, column: usize) -> sqlx::Result<u64> {
    row.try_get::<i64, _>(column).map(|value| value as u64)
}

fn digest_of(row: &AnyRow, column: usize) -> sqlx::Result<Digest> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Digest::from_slice(&bytes).ok_or_else(|| sqlx::Error::Decode("a digest has 32 bytes".into()))
}

fn chunk_row(row: &AnyRow) -> sqlx::Result<Row> {
    Ok(Row {
        digest: digest_of(row, 0)?,
        location: Location {
            segment: u64_of(row, 1)?,
            start: u64_of(row, 2)?,
            stored_bytes: u64_of(row, 3)? as u32,
            raw_bytes: u64_of(row, 4)? as u32,
        },
        epoch: u64_of(row, 5)?,
        condemned: u64_of(row, 6)?,
        damaged: u64_of(row, 7)? != 0,
        content_bytes: row.try_get::<Option<i64>, _>(8)?.map(|bytes| bytes as u64),
    })
}

/// Puts rows into the order in which their digests were asked for.
fn in_order(digests: &[Digest], rows: Vec<Row>) -> Vec<Option<Row>> {
    let rows: std::collections::HashMap<Digest, Row> = rows.into_iter().map(|row| (row.digest, row)).collect();
    digests.iter().map(|digest| rows.get(digest).copied()).collect()
}

impl Database {
    /// The index of the store of this name, which is numbered when it is new.
    pub async fn store_index(&self, name: &str) -> Result<StoreIndex> {
        let mut write = self.write().await?;
        let text = "insert into chunk_stores (id, turn, epoch, last_owner, last_session, last_segment, \
                    scrub_position, name) select max(id) + 1, 0, 0, 0, 0, 0, 0, $1 from chunk_stores where true \
                    on conflict (name) do nothing";
        sqlx::query(text).bind(name.to_owned()).execute(&mut *write).await?;
        let text = "select id, last_owner from chunk_stores where name = $1";
        let row = sqlx::query(text).bind(name.to_owned()).fetch_one(&mut *write).await?;
        write.commit().await?;
        let was_opened = u64_of(&row, 1)? > 0;
        Ok(StoreIndex { db: self.clone(), number: row.try_get(0)?, name: name.into(), was_opened })
    }
}

impl StoreIndex {
    /// Whether the store was ever opened: then its folder is not new either.
    pub fn was_opened(&self) -> bool {
        self.was_opened
    }

    /// Whether it ever had something.
    pub async fn has_segments(&self) -> Result<bool> {
        let text = "select last_segment from chunk_stores where id = $1";
        Ok(self.number(text).await?.unwrap_or(0) > 0)
    }

    /// Whether its segments are in a bucket.
    pub async fn has_bucket(&self) -> Result<bool> {
        let text = "select count(*) from chunk_stores where id = $1 and bucket is not null";
        Ok(self.number(text).await?.unwrap_or(0) > 0)
    }

    /// A transaction that has the store's turn: nobody else changes rows of its chunks or sessions to its end.
    async fn write(&self) -> Result<Write> {
        let mut write = self.db.write().await?;
        let text = "update chunk_stores set turn = turn + 1 where id = $1";
        sqlx::query(text).bind(self.number).execute(&mut *write).await?;
        Ok(write)
    }

    pub(super) fn reads(&self) -> Reads {
        self.db.reads()
    }

    /// The same, for statements that read all of a large table.
    pub(super) fn patient_reads(&self) -> Reads {
        self.db.patient().reads()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    async fn chunk_rows(&self, digests: &[Digest]) -> Result<Vec<Row>> {
        let text =
            format!("select {COLUMNS} from chunks where store = $1 and digest in ({})", places(2, digests.len()));
        let statement = sqlx::query(AssertSqlSafe(text)).bind(self.number);
        let rows = bind_digests(statement, digests).fetch_all(self.reads()).await?;
        Ok(rows.iter().map(chunk_row).collect::<sqlx::Result<_>>()?)
    }

    /// Raises the epoch of those of these rows that are good, and returns them.
    async fn raise_chunks(&self, epoch: u64, digests: &[Digest]) -> Result<Vec<Row>> {
        let mut write = self.write().await?;
        let text = format!(
            "update chunks set epoch = case when epoch < $2 then $2 else epoch end \
             where store = $1 and condemned = 0 and damaged = 0 and digest in ({}) returning {COLUMNS}",
            places(3, digests.len())
        );
        let statement = sqlx::query(AssertSqlSafe(text)).bind(self.number).bind(epoch as i64);
        let rows = bind_digests(statement, digests).fetch_all(&mut *write).await?;
        write.commit().await?;
        Ok(rows.iter().map(chunk_row).collect::<sqlx::Result<_>>()?)
    }

    /// Runs a statement over digests that ends in `digest in (`, and returns how many rows it changed.
    async fn change_chunks(&self, text: &str, numbers: &[u64], digests: &[Digest]) -> Result<u64> {
        let mut write = self.write().await?;
        let text = format!("{text} ({})", places(numbers.len() + 2, digests.len()));
        let mut statement = sqlx::query(AssertSqlSafe(text)).bind(self.number);
        for number in numbers {
            statement = statement.bind(*number as i64);
        }
        let changed = bind_digests(statement, digests).execute(&mut *write).await?.rows_affected();
        write.commit().await?;
        Ok(changed)
    }

    /// Adds one to a counter of the store and returns it, with the epoch.
    async fn next_number(&self, write: &mut Write, counter: &'static str) -> Result<(u64, u64)> {
        let text =
            format!("update chunk_stores set {counter} = {counter} + 1 where id = $1 returning {counter}, epoch");
        let row = sqlx::query(AssertSqlSafe(text)).bind(self.number).fetch_one(&mut **write).await?;
        Ok((u64_of(&row, 0)?, u64_of(&row, 1)?))
    }

    async fn end_sessions_where(&self, condition: &'static str, number: i64) -> Result<u64> {
        let mut write = self.write().await?;
        let text = format!("update chunk_sessions set ended = 1 where store = $1 and ended = 0 and {condition}");
        let statement = sqlx::query(AssertSqlSafe(text)).bind(self.number).bind(number);
        let ended = statement.execute(&mut *write).await?.rows_affected();
        write.commit().await?;
        Ok(ended)
    }

    /// The length of its sealed segments.
    pub async fn file_bytes(&self) -> Result<u64> {
        let text = "select cast(sum(file_bytes) as bigint) from chunk_segments where store = $1";
        Ok(self.number(text).await?.unwrap_or(0))
    }

    /// Counts the chunks that are known to be damaged, out of an index that has no others.
    pub async fn damaged_chunks(&self) -> Result<u64> {
        Ok(self.number("select count(*) from chunks where store = $1 and damaged = 1").await?.unwrap_or(0))
    }

    async fn number(&self, text: &'static str) -> Result<Option<u64>> {
        let row = sqlx::query(text).bind(self.number).fetch_one(self.reads()).await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.map(|number| number as u64))
    }

    /// Fails unless the segment is open, and keeps it so to the end of the transaction.
    async fn hold_open(&self, write: &mut Write, segment: u64) -> Result<()> {
        let text = "update chunk_segments set state = 0 where store = $1 and id = $2 and state = 0";
        let statement = sqlx::query(text).bind(self.number).bind(segment as i64);
        let is_open = statement.execute(&mut **write).await?.rows_affected() == 1;
        is_open.then_some(()).ok_or_else(|| Error::internal(anyhow::anyhow!("segment {segment} is not open")))
    }
}

async fn insert_chunks(write: &mut Write, store: i64, rows: &[Row]) -> Result<()> {
    let values: Vec<String> = (0..rows.len())
        .map(|row| row * 7 + 1)
        .map(|at| {
            let places: Vec<String> = (at + 1..=at + 7).map(|place| format!("${place}")).collect();
            format!("($1,{})", places.join(","))
        })
        .collect();
    let text = format!(
        "insert into chunks (store, digest, segment, start, stored_bytes, raw_bytes, epoch, content_bytes) values {} \
         on conflict (store, digest) do update set \
         segment = case when chunks.condemned = 0 and chunks.damaged = 0 then chunks.segment else excluded.segment end, \
         start = case when chunks.condemned = 0 and chunks.damaged = 0 then chunks.start else excluded.start end, \
         stored_bytes = case when chunks.condemned = 0 and chunks.damaged = 0 \
                        then chunks.stored_bytes else excluded.stored_bytes end, \
         epoch = case when chunks.epoch > excluded.epoch then chunks.epoch else excluded.epoch end, \
         content_bytes = coalesce(chunks.content_bytes, excluded.content_bytes), condemned = 0, damaged = 0",
        values.join(",")
    );
    let mut statement = sqlx::query(AssertSqlSafe(text)).persistent(rows.len() == INSERT_ROWS).bind(store);
    for row in rows {
        statement = statement
            .bind(row.digest.as_bytes().to_vec())
            .bind(row.location.segment as i64)
            .bind(row.location.start as i64)
            .bind(i64::from(row.location.stored_bytes))
            .bind(i64::from(row.location.raw_bytes))
            .bind(row.epoch as i64)
            .bind(row.content_bytes.map(|bytes| bytes as i64));
    }
    statement.execute(&mut **write).await?;
    Ok(())
}

#[async_trait]
impl Index for StoreIndex {
    async fn register_owner(&self) -> Answer<u64> {
        let mut write = self.write().await?;
        let (owner, _) = self.next_number(&mut write, "last_owner").await?;
        write.commit().await?;
        Ok(owner)
    }

    async fn begin_session(&self, owner: u64, lease: Duration) -> Answer<SessionRow> {
        let mut write = self.write().await?;
        let (id, epoch) = self.next_number(&mut write, "last_session").await?;
        let text = "insert into chunk_sessions (store, id, owner, epoch, lease_until_ms, ended) \
                    values ($1, $2, $3, $4, $5, 0)";
        let statement = sqlx::query(text).bind(self.number).bind(id as i64).bind(owner as i64).bind(epoch as i64);
        statement.bind(now_ms() + lease.as_millis() as i64).execute(&mut *write).await?;
        write.commit().await?;
        Ok(SessionRow { id, epoch })
    }

    async fn renew_session(&self, session: u64, lease: Duration) -> Answer<bool> {
        let mut write = self.write().await?;
        let text = "update chunk_sessions set lease_until_ms = $3 where store = $1 and id = $2 and ended = 0";
        let statement =
            sqlx::query(text).bind(self.number).bind(session as i64).bind(now_ms() + lease.as_millis() as i64);
        let renewed = statement.execute(&mut *write).await?.rows_affected() == 1;
        write.commit().await?;
        Ok(renewed)
    }

    async fn pin(&self, session: u64, root: Digest) -> Answer<bool> {
        let mut write = self.write().await?;
        let text = "insert into chunk_pins (store, session, root) select store, id, $3 from chunk_sessions \
                    where store = $1 and id = $2 and ended = 0 on conflict (store, session, root) do nothing";
        let statement = sqlx::query(text).bind(self.number).bind(session as i64).bind(root.as_bytes().to_vec());
        statement.execute(&mut *write).await?;
        let text = "select count(*) from chunk_sessions where store = $1 and id = $2 and ended = 0";
        let lives = sqlx::query(text).bind(self.number).bind(session as i64).fetch_one(&mut *write).await?;
        let lives = u64_of(&lives, 0)? == 1;
        write.commit().await?;
        Ok(lives)
    }

    async fn move_session(&self, session: u64, epoch: u64, pins: &[Digest], unpins: &[Digest]) -> Answer<bool> {
        let mut write = self.write().await?;
        let text = "update chunk_sessions set epoch = $3 where store = $1 and id = $2 and ended = 0";
        let statement = sqlx::query(text).bind(self.number).bind(session as i64).bind(epoch as i64);
        if statement.execute(&mut *write).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let pin = "insert into chunk_pins (store, session, root) values ($1, $2, $3) \
                   on conflict (store, session, root) do nothing";
        let unpin = "delete from chunk_pins where store = $1 and session = $2 and root = $3";
        for (text, roots) in [(pin, pins), (unpin, unpins)] {
            for root in roots {
                let statement = sqlx::query(text).bind(self.number).bind(session as i64);
                statement.bind(root.as_bytes().to_vec()).execute(&mut *write).await?;
            }
        }
        write.commit().await?;
        Ok(true)
    }

    async fn end_session(&self, session: u64) -> Answer<()> {
        self.end_sessions_where("id = $2", session as i64).await?;
        Ok(())
    }

    async fn end_lapsed_sessions(&self) -> Answer<u64> {
        Ok(self.end_sessions_where("lease_until_ms < $2", now_ms()).await?)
    }

    async fn end_sessions_of(&self, owner: u64) -> Answer<u64> {
        Ok(self.end_sessions_where("owner = $2", owner as i64).await?)
    }

    async fn session_owners(&self) -> Answer<Vec<u64>> {
        let text = "select distinct owner from chunk_sessions where store = $1 and ended = 0 order by owner";
        let rows = sqlx::query(text).bind(self.number).fetch_all(self.reads()).await?;
        Ok(rows.iter().map(|row| u64_of(row, 0)).collect::<sqlx::Result<_>>()?)
    }

    async fn locate(&self, digests: &[Digest]) -> Answer<Vec<Option<Row>>> {
        if digests.is_empty() {
            return Ok(Vec::new());
        }
        Ok(in_order(digests, self.chunk_rows(digests).await?))
    }

    async fn claim(&self, epoch: u64, digests: &[Digest]) -> Answer<Vec<Option<Row>>> {
        if digests.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = self.chunk_rows(digests).await?;
        rows.retain(Row::is_good);
        // A row of this epoch is out of every sweep's reach already: most look-ups write nothing.
        let (mut rows, old): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.epoch >= epoch);
        if !old.is_empty() {
            let old: Vec<Digest> = old.iter().map(|row| row.digest).collect();
            rows.extend(self.raise_chunks(epoch, &old).await?);
        }
        Ok(in_order(digests, rows))
    }

    async fn publish(&self, segment: u64, rows: &[Row]) -> Answer<()> {
        let mut write = self.write().await?;
        self.hold_open(&mut write, segment).await?;
        for rows in rows.chunks(INSERT_ROWS) {
            insert_chunks(&mut write, self.number, rows).await?;
        }
        write.commit().await?;
        Ok(())
    }

    async fn mark_damaged(&self, digest: Digest, location: Location) -> Answer<bool> {
        let mut write = self.write().await?;
        let text = "update chunks set damaged = 1 where store = $1 and digest = $2 and segment = $3 and start = $4";
        let statement =
            sqlx::query(text).bind(self.number).bind(digest.as_bytes().to_vec()).bind(location.segment as i64);
        let marked = statement.bind(location.start as i64).execute(&mut *write).await?.rows_affected() == 1;
        write.commit().await?;
        Ok(marked)
    }

    async fn clear_damaged(&self, digest: Digest, location: Location) -> Answer<bool> {
        let mut write = self.write().await?;
        let text = "update chunks set damaged = 0 \
                    where store = $1 and digest = $2 and segment = $3 and start = $4 and damaged = 1";
        let statement =
            sqlx::query(text).bind(self.number).bind(digest.as_bytes().to_vec()).bind(location.segment as i64);
        let cleared = statement.bind(location.start as i64).execute(&mut *write).await?.rows_affected() == 1;
        write.commit().await?;
        Ok(cleared)
    }

    async fn relocate(&self, segment: u64, moves: &[Move]) -> Answer<u64> {
        let mut write = self.write().await?;
        self.hold_open(&mut write, segment).await?;
        let mut moved = 0;
        for step in moves {
            let text = "update chunks set segment = $3, start = $4 \
                        where store = $1 and digest = $2 and segment = $5 and start = $6";
            let statement = sqlx::query(text)
                .bind(self.number)
                .bind(step.digest.as_bytes().to_vec())
                .bind(step.to.segment as i64)
                .bind(step.to.start as i64)
                .bind(step.from.segment as i64)
                .bind(step.from.start as i64);
            moved += statement.execute(&mut *write).await?.rows_affected();
        }
        write.commit().await?;
        Ok(moved)
    }

    async fn create_segment(&self, owner: u64, nonce: Option<u32>) -> Answer<u64> {
        let mut write = self.write().await?;
        let (counter, _) = self.next_number(&mut write, "last_segment").await?;
        let id = nonce.map_or(counter, |nonce| counter << 32 | u64::from(nonce));
        let text = "insert into chunk_segments (store, id, owner, state, file_bytes) values ($1, $2, $3, 0, 0)";
        sqlx::query(text).bind(self.number).bind(id as i64).bind(owner as i64).execute(&mut *write).await?;
        write.commit().await?;
        Ok(id)
    }

    async fn seal_segment(&self, segment: u64, file_bytes: u64) -> Answer<()> {
        let mut write = self.write().await?;
        let text = "update chunk_segments set state = 1, file_bytes = $3 where store = $1 and id = $2 and state < 2";
        let statement = sqlx::query(text).bind(self.number).bind(segment as i64).bind(file_bytes as i64);
        statement.execute(&mut *write).await?;
        write.commit().await?;
        Ok(())
    }

    async fn drop_segment(&self, segment: u64) -> Answer<bool> {
        let mut write = self.write().await?;
        let text = "update chunk_segments set state = 2, dropped_at_ms = coalesce(dropped_at_ms, $3) \
                    where store = $1 and id = $2 \
                    and not exists (select 1 from chunks where store = $1 and segment = $2)";
        let statement = sqlx::query(text).bind(self.number).bind(segment as i64).bind(now_ms());
        let dropped = statement.execute(&mut *write).await?.rows_affected() == 1;
        write.commit().await?;
        Ok(dropped)
    }

    async fn dropped_segments(&self, ago: Duration) -> Answer<Vec<u64>> {
        let text = "select id from chunk_segments where store = $1 and state = 2 and coalesce(dropped_at_ms, 0) <= $2 order by id";
        let statement = sqlx::query(text)
            .bind(self.number)
            .bind(now_ms().saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)));
        let rows = statement.fetch_all(self.reads()).await?;
        Ok(rows.iter().map(|row| u64_of(row, 0)).collect::<sqlx::Result<_>>()?)
    }

    async fn forget_segment(&self, segment: u64) -> Answer<()> {
        let mut write = self.write().await?;
        let text = "delete from chunk_segments where store = $1 and id = $2";
        sqlx::query(text).bind(self.number).bind(segment as i64).execute(&mut *write).await?;
        write.commit().await?;
        Ok(())
    }

    async fn segments(&self, after: u64, limit: usize) -> Answer<Vec<SegmentRow>> {
        let text = "select id, owner, state, file_bytes from chunk_segments \
                    where store = $1 and id > $2 order by id limit $3";
        let statement = sqlx::query(text).bind(self.number).bind(after as i64).bind(limit as i64);
        let rows = statement.fetch_all(self.reads()).await?;
        Ok(rows.iter().map(segment_row).collect::<sqlx::Result<_>>()?)
    }

    async fn segment_rows(&self, segment: u64, start: u64, limit: usize) -> Answer<Vec<Row>> {
        let text = format!(
            "select {COLUMNS} from chunks where store = $1 and segment = $2 and start >= $3 \
             order by start, digest limit $4"
        );
        let statement = sqlx::query(AssertSqlSafe(text)).bind(self.number).bind(segment as i64);
        let rows = statement.bind(start as i64).bind(limit as i64).fetch_all(self.reads()).await?;
        Ok(rows.iter().map(chunk_row).collect::<sqlx::Result<_>>()?)
    }

    async fn segment_end(&self, segment: u64) -> Answer<Option<u64>> {
        let text = "select max(start + stored_bytes) from chunks where store = $1 and segment = $2";
        let row = sqlx::query(text).bind(self.number).bind(segment as i64).fetch_one(self.reads()).await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.map(|end| end as u64))
    }

    async fn begin_sweep(&self) -> Answer<u64> {
        let mut write = self.write().await?;
        let (epoch, _) = self.next_number(&mut write, "epoch").await?;
        let text = "delete from chunk_sessions where store = $1 and ended = 1";
        sqlx::query(text).bind(self.number).execute(&mut *write).await?;
        let text = "delete from chunk_pins where store = $1 \
                    and session not in (select id from chunk_sessions where store = $1)";
        sqlx::query(text).bind(self.number).execute(&mut *write).await?;
        write.commit().await?;
        Ok(epoch)
    }

    async fn oldest_session(&self) -> Answer<Option<u64>> {
        Ok(self.number("select min(epoch) from chunk_sessions where store = $1 and ended = 0").await?)
    }

    async fn pinned_roots(&self) -> Answer<Vec<Digest>> {
        let text = "select distinct root from chunk_pins where store = $1";
        let rows = sqlx::query(text).bind(self.number).fetch_all(self.reads()).await?;
        Ok(rows.iter().map(|row| digest_of(row, 0)).collect::<sqlx::Result<_>>()?)
    }

    async fn rows(&self, after: Option<Digest>, limit: usize) -> Answer<Vec<Row>> {
        let text = format!("select {COLUMNS} from chunks where store = $1 and digest > $2 order by digest limit $3");
        let after = after.map_or_else(Vec::new, |after| after.as_bytes().to_vec());
        let statement = sqlx::query(AssertSqlSafe(text)).bind(self.number).bind(after).bind(limit as i64);
        let rows = statement.fetch_all(self.reads()).await?;
        Ok(rows.iter().map(chunk_row).collect::<sqlx::Result<_>>()?)
    }

    async fn condemn(&self, sweep: SweepRow, digests: &[Digest]) -> Answer<u64> {
        let text = "update chunks set condemned = $2 where store = $1 and condemned = 0 and epoch < $3 \
                    and exists (select 1 from chunk_stores where id = $1 and epoch = $2) and digest in";
        Ok(self.change_chunks(text, &[sweep.epoch, sweep.horizon], digests).await?)
    }

    async fn spare(&self, digests: &[Digest]) -> Answer<u64> {
        let text = "update chunks set condemned = 0 where store = $1 and condemned <> 0 and digest in";
        Ok(self.change_chunks(text, &[], digests).await?)
    }

    async fn remove(&self, sweep: SweepRow, digests: &[Digest]) -> Answer<u64> {
        let text = "delete from chunks where store = $1 and condemned <> 0 and condemned < $2 \
                    and exists (select 1 from chunk_stores where id = $1 and epoch = $2) and digest in";
        Ok(self.change_chunks(text, &[sweep.epoch], digests).await?)
    }

    async fn totals(&self) -> Answer<Totals> {
        // Counts every row.
        let text = "select count(*), cast(coalesce(sum(raw_bytes), 0) as bigint), \
                    cast(coalesce(sum(stored_bytes), 0) as bigint), \
                    cast(coalesce(sum(case when condemned = 0 then 0 else 1 end), 0) as bigint), \
                    cast(coalesce(sum(damaged), 0) as bigint) from chunks where store = $1";
        let row = sqlx::query(text).bind(self.number).fetch_one(self.patient_reads()).await?;
        let sessions = self.number("select count(*) from chunk_sessions where store = $1 and ended = 0").await?;
        Ok(Totals {
            chunks: u64_of(&row, 0)?,
            raw_bytes: u64_of(&row, 1)?,
            stored_bytes: u64_of(&row, 2)?,
            condemned: u64_of(&row, 3)?,
            damaged: u64_of(&row, 4)?,
            sessions: sessions.unwrap_or(0),
            epoch: self.number("select epoch from chunk_stores where id = $1").await?.unwrap_or(0),
            last_segment: self.number("select last_segment from chunk_stores where id = $1").await?.unwrap_or(0),
        })
    }

    async fn bucket(&self) -> Answer<Option<String>> {
        let row = sqlx::query("select bucket from chunk_stores where id = $1").bind(self.number);
        Ok(row.fetch_one(self.reads()).await?.try_get(0)?)
    }

    async fn set_bucket(&self, mark: &str) -> Answer<String> {
        let mut write = self.write().await?;
        let text = "update chunk_stores set bucket = coalesce(bucket, $2) where id = $1 returning bucket";
        let row = sqlx::query(text).bind(self.number).bind(mark.to_owned()).fetch_one(&mut *write).await?;
        let mark = row.try_get(0)?;
        write.commit().await?;
        Ok(mark)
    }

    async fn scrub_position(&self) -> Answer<u64> {
        Ok(self.number("select scrub_position from chunk_stores where id = $1").await?.unwrap_or(0))
    }

    async fn set_scrub_position(&self, segment: u64) -> Answer<()> {
        let mut write = self.write().await?;
        let text = "update chunk_stores set scrub_position = $2 where id = $1";
        sqlx::query(text).bind(self.number).bind(segment as i64).execute(&mut *write).await?;
        write.commit().await?;
        Ok(())
    }
}

fn segment_row(row: &AnyRow) -> sqlx::Result<SegmentRow> {
    use chunks::SegmentState::{Dropping, Open, Sealed};
    let state = match row.try_get::<i64, _>(2)? {
        0 => Open,
        1 => Sealed,
        _ => Dropping,
    };
    Ok(SegmentRow { id: u64_of(row, 0)?, owner: u64_of(row, 1)?, state, file_bytes: u64_of(row, 3)? })
}
