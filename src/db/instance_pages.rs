//! Pages of instances, each one statement, and the end of deleted ones.

use std::fmt::Write as _;

use sqlx::{Any, AssertSqlSafe, query::Query};

use super::{
    Database,
    instances::{COLUMNS, instance},
};
use crate::{
    error::Result,
    ids::ProjectId,
    model::{
        instance::{InstanceRow, InstancesSeen},
        instance_list::{Direction, InstancePage, SortKey},
    },
};

impl Database {
    /// Every instance of one project, or of all.
    pub async fn instances(&self, project: Option<ProjectId>, seen: InstancesSeen) -> Result<Vec<InstanceRow>> {
        self.instance_page(&InstancePage::of(project, seen, u32::MAX)).await
    }

    /// One page of instances.
    pub async fn instance_page(&self, page: &InstancePage) -> Result<Vec<InstanceRow>> {
        let statement = Statement::of(page);
        let mut query = sqlx::query(AssertSqlSafe(statement.sql));
        for value in statement.values {
            query = value.bind(query);
        }
        query.fetch_all(self.reads()).await?.iter().map(instance).collect()
    }

    /// Forgets deleted instances that have not changed since, and what was done to them, at most so many; says how
    /// many they were.
    pub async fn forget_instances(&self, before_ms: i64, at_most: u32) -> Result<u64> {
        let old =
            "select id from instances where status = 'DELETED' and updated_ms < $1 order by updated_ms, id limit $2";
        let mut write = self.write().await?;
        // The history first: the same instances are chosen again while their rows are there.
        let history = format!("delete from instance_actions where instance_id in ({old})");
        sqlx::query(AssertSqlSafe(history)).bind(before_ms).bind(i64::from(at_most)).execute(&mut *write).await?;
        let rows = format!("delete from instances where id in ({old})");
        let rows = sqlx::query(AssertSqlSafe(rows)).bind(before_ms).bind(i64::from(at_most));
        let forgotten = rows.execute(&mut *write).await?.rows_affected();
        write.commit().await?;
        Ok(forgotten)
    }
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Number(i64),
}

type AnyQuery<'q> = Query<'q, Any, sqlx::any::AnyArguments>;

impl Value {
    fn bind(self, query: AnyQuery<'_>) -> AnyQuery<'_> {
        match self {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        }
    }
}

/// A statement being written. Its text is made only of our own words; whatever a client sent is a value.
#[derive(Default)]
struct Statement {
    sql: String,
    values: Vec<Value>,
}

impl Statement {
    fn of(page: &InstancePage) -> Statement {
        let mut statement = Statement::default();
        let seen = match page.seen {
            InstancesSeen::Living => "status <> 'DELETED'",
            InstancesSeen::Deleted => "status = 'DELETED'",
            InstancesSeen::ChangedSince(_) => "1 = 1",
        };
        let _ = write!(statement.sql, "select {COLUMNS} from instances where {seen}");
        if let InstancesSeen::ChangedSince(since) = page.seen {
            statement.and("updated_ms >=", Value::Number(since));
        }
        let text = |text: &dyn ToString| Value::Text(text.to_string());
        let conditions = [
            ("project_id =", page.project.map(|id| text(&id))),
            ("user_id =", page.user.map(|id| text(&id))),
            ("image_id =", page.image.map(|id| text(&id))),
            ("key_name =", page.key_name.as_ref().map(|name| text(name))),
            ("reservation_id =", page.reservation_id.as_ref().map(|id| text(id))),
            ("updated_ms >=", page.changes_since_ms.map(Value::Number)),
            ("updated_ms <=", page.changes_before_ms.map(Value::Number)),
        ];
        for (condition, value) in conditions {
            if let Some(value) = value {
                statement.and(condition, value);
            }
        }
        if !page.status.is_empty() {
            let words: Vec<_> = page.status.iter().map(|status| format!("'{status}'")).collect();
            let _ = write!(statement.sql, " and status in ({})", words.join(", "));
        }
        let order = total_order(&page.order);
        if let Some(after) = &page.after {
            statement.sql.push_str(" and ");
            statement.after(&order, after);
        }
        let terms: Vec<_> = order
            .iter()
            .map(|(key, direction)| {
                let direction = if *direction == Direction::Ascending { "asc" } else { "desc" };
                format!("{} {direction}", sort_expression(*key))
            })
            .collect();
        let limit = statement.value(Value::Number(i64::from(page.limit)));
        let _ = write!(statement.sql, " order by {} limit {limit}", terms.join(", "));
        statement
    }

    /// Takes a value and returns its placeholder.
    fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn and(&mut self, condition: &str, value: Value) {
        let place = self.value(value);
        let _ = write!(self.sql, " and {condition} {place}");
    }

    /// `a >= x and (a > x or (b >= y and …))`: the leading comparison is loose, so that an index can start there.
    fn after(&mut self, order: &[(SortKey, Direction)], row: &InstanceRow) {
        let Some(((key, direction), rest)) = order.split_first() else { return };
        let expression = sort_expression(*key);
        let place = self.value(sort_value(*key, row));
        let sign = if *direction == Direction::Ascending { ">" } else { "<" };
        if rest.is_empty() {
            let _ = write!(self.sql, "{expression} {sign} {place}");
            return;
        }
        let _ = write!(self.sql, "({expression} {sign}= {place} and ({expression} {sign} {place} or ");
        self.after(rest, row);
        self.sql.push_str("))");
    }
}

/// The id settles what is equal, so that pages never overlap; whatever follows it orders nothing.
fn total_order(order: &[(SortKey, Direction)]) -> Vec<(SortKey, Direction)> {
    let mut total: Vec<(SortKey, Direction)> = Vec::new();
    for (key, direction) in order.iter().chain([&(SortKey::Id, Direction::Descending)]) {
        if !total.iter().any(|(had, _)| had == key) {
            total.push((*key, *direction));
        }
    }
    if let Some(at) = total.iter().position(|(key, _)| *key == SortKey::Id) {
        total.truncate(at + 1);
    }
    total
}

fn sort_expression(key: SortKey) -> &'static str {
    match key {
        SortKey::Created => "created_ms",
        SortKey::Updated => "updated_ms",
        SortKey::Launched => "coalesce(launched_ms, -1)",
        SortKey::Name => "name",
        SortKey::Status => "status",
        SortKey::Id => "id",
    }
}

fn sort_value(key: SortKey, row: &InstanceRow) -> Value {
    match key {
        SortKey::Created => Value::Number(row.created_ms),
        SortKey::Updated => Value::Number(row.updated_ms),
        SortKey::Launched => Value::Number(row.state.launched_ms.unwrap_or(-1)),
        SortKey::Name => Value::Text(row.name.clone()),
        SortKey::Status => Value::Text(row.state.status.to_string()),
        SortKey::Id => Value::Text(row.id.to_string()),
    }
}
