//! Statements that are put together: pages of what somebody filters and sorts.

use std::fmt::Write as _;

use sqlx::{Any, AssertSqlSafe, any::AnyArguments, query::Query};

use crate::model::Direction;

/// A value that a client sent.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Number(i64),
}

/// A statement being written. Its text has only our own words; everything that a client sent is bound as a value.
#[derive(Default)]
pub(super) struct Statement {
    pub(super) sql: String,
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
        let _ = write!(self.sql, " and {condition} {place}");
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
    pub(super) fn query(self) -> Query<'static, Any, AnyArguments> {
        let bind = |query: Query<'static, Any, AnyArguments>, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        };
        self.values.into_iter().fold(sqlx::query(AssertSqlSafe(self.sql)), bind)
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
