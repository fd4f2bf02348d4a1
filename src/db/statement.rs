//! Statements: [`Sql`], the text with the values of its places, and those that are put together, pages of what somebody
//! filters and sorts.

use std::fmt::Write as _;

use futures::TryStreamExt as _;
use sqlx::{
    Any, AssertSqlSafe, Decode, FromRow, Row as _, Type,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::{Database, Write, is_duplicate};
use crate::{error::Result, model::Direction};

/// A statement with the values of its places.
pub(super) struct Sql<'q>(pub(super) Query<'q, Any, AnyArguments>);

/// A statement of this text, with values for `$1`, `$2`, … in their order.
macro_rules! sql {
    ($text:expr $(, $value:expr)* $(,)?) => {
        $crate::db::statement::Sql(sqlx::query($text)$(.bind($value))*)
    };
}

pub(super) use sql;

impl Sql<'_> {
    /// Its rows.
    pub(super) async fn rows<T: for<'r> FromRow<'r, AnyRow>>(self, db: &Database) -> Result<Vec<T>> {
        let rows = self.0.fetch_all(db.reads()).await?;
        Ok(rows.iter().map(T::from_row).collect::<sqlx::Result<_>>()?)
    }

    /// The first of its rows that pass, at most `limit`: for what SQLite and PostgreSQL have no common words for.
    pub(super) async fn first<T: for<'r> FromRow<'r, AnyRow>>(
        self,
        db: &Database,
        limit: u32,
        passes: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>> {
        let (mut rows, mut found) = (self.0.fetch(db.reads()), Vec::new());
        while found.len() < limit as usize
            && let Some(row) = rows.try_next().await?
        {
            found.extend(Some(T::from_row(&row)?).filter(&passes));
        }
        Ok(found)
    }

    /// Its one row, if there is one.
    pub(super) async fn row<T: for<'r> FromRow<'r, AnyRow>>(self, db: &Database) -> Result<Option<T>> {
        let row = self.0.fetch_optional(db.reads()).await?;
        Ok(row.as_ref().map(T::from_row).transpose()?)
    }

    /// The same within a transaction.
    pub(super) async fn row_in<T: for<'r> FromRow<'r, AnyRow>>(self, write: &mut Write) -> Result<Option<T>> {
        let row = self.0.fetch_optional(&mut **write).await?;
        Ok(row.as_ref().map(T::from_row).transpose()?)
    }

    /// The first column of its rows.
    pub(super) async fn column<T: for<'r> Decode<'r, Any> + Type<Any>>(self, db: &Database) -> Result<Vec<T>> {
        let rows = self.0.fetch_all(db.reads()).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>()?)
    }

    /// Makes its change as a step of a transaction; tells how many rows changed.
    pub(super) async fn run(self, write: &mut Write) -> Result<u64> {
        Ok(self.0.execute(&mut **write).await?.rows_affected())
    }

    /// The same; `None` where it broke a unique constraint, which ends the transaction too.
    pub(super) async fn run_unless_taken(self, write: &mut Write) -> Result<Option<u64>> {
        match self.0.execute(&mut **write).await {
            Err(error) if is_duplicate(&error) => Ok(None),
            changed => Ok(Some(changed?.rows_affected())),
        }
    }

    /// Makes its change as a transaction of its own; tells how many rows changed.
    pub(super) async fn commit(self, db: &Database) -> Result<u64> {
        let mut write = db.write().await?;
        let changed = self.run(&mut write).await?;
        write.commit().await?;
        Ok(changed)
    }
}

/// The limit of a statement: none, where [`Sql::first`] still leaves rows out.
pub(super) fn at_most(limit: u32, is_judged_later: bool) -> i64 {
    if is_judged_later { i64::MAX } else { i64::from(limit) }
}

/// A value that a client sent.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Number(i64),
}

/// A statement being written. Its text has only our own words; everything that a client sent is bound as a value.
#[derive(Default)]
pub(super) struct Statement {
    pub(super) text: String,
    values: Vec<Value>,
}

impl Statement {
    /// Takes a value and returns its placeholder.
    pub(super) fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Adds a condition on a value.
    pub(super) fn and(&mut self, condition: &str, value: Value) {
        let place = self.value(value);
        let _ = write!(self.text, " and {condition} {place}");
    }

    /// The condition of what follows a row, whose values these are, in this order: `a >= x and (a > x or (b >= y and …))`.
    /// The leading comparison is loose, so that an index can start there.
    pub(super) fn after(&mut self, order: &[(&'static str, Direction, Value)]) -> String {
        let Some(((column, direction, value), rest)) = order.split_first() else { return String::new() };
        let place = self.value(value.clone());
        let sign = if *direction == Direction::Ascending { ">" } else { "<" };
        if rest.is_empty() {
            return format!("{column} {sign} {place}");
        }
        let rest = self.after(rest);
        format!("({column} {sign}= {place} and ({column} {sign} {place} or {rest}))")
    }

    /// The statement with its values.
    pub(super) fn sql(self) -> Sql<'static> {
        let bind = |query: Query<'static, Any, AnyArguments>, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        };
        Sql(self.values.into_iter().fold(sqlx::query(AssertSqlSafe(self.text)), bind))
    }
}

/// An order with these keys at its end, unless it has them: the last is unique, so what follows it orders nothing.
pub(super) fn total_order<K: Copy + PartialEq>(
    order: &[(K, Direction)],
    end: &[(K, Direction)],
) -> Vec<(K, Direction)> {
    let mut total: Vec<(K, Direction)> = Vec::new();
    for (key, direction) in order.iter().chain(end) {
        if !total.iter().any(|(had, _)| had == key) {
            total.push((*key, *direction));
        }
    }
    let unique = total.iter().position(|(key, _)| end.last().is_some_and(|(last, _)| last == key));
    total.truncate(unique.map_or(usize::MAX, |at| at + 1));
    total
}

/// The text of an order.
pub(super) fn order_by<K: Copy>(order: &[(K, Direction)], column: impl Fn(K) -> &'static str) -> String {
    let terms = order.iter().map(|(key, direction)| {
        let direction = if *direction == Direction::Ascending { "asc" } else { "desc" };
        format!("{} {direction}", column(*key))
    });
    terms.collect::<Vec<_>>().join(", ")
}
