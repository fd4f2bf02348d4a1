//! Pages of instances, each one statement, and the end of deleted ones.

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;

use super::{
    Database,
    columns::from_row,
    instances::COLUMNS,
    statement::{Statement, Value, order_by, sql, total_order},
};
use crate::{
    error::Result,
    ids::{InstanceId, ProjectId},
    model::{
        instance::{InstanceRow, InstancesSeen, UsedInstance},
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
        selecting(page).sql().rows(self).await
    }

    /// Instances that there are, and deleted ones that changed since, by their ids.
    pub async fn used_instances(
        &self,
        project: Option<ProjectId>,
        since_ms: i64,
        after: Option<InstanceId>,
        limit: u32,
    ) -> Result<Vec<UsedInstance>> {
        let mut statement = Statement::default();
        let since = statement.value(Value::Number(since_ms));
        let _ = write!(
            statement.text,
            "select id, project_id, name, flavor, status, created_ms, launched_ms, terminated_ms from instances \
             where (status <> 'DELETED' or updated_ms >= {since})"
        );
        for (condition, id) in
            [("project_id =", project.map(|id| id.to_string())), ("id >", after.map(|id| id.to_string()))]
        {
            if let Some(id) = id {
                statement.and(condition, Value::Text(id));
            }
        }
        let limit = statement.value(Value::Number(i64::from(limit)));
        let _ = write!(statement.text, " order by id limit {limit}");
        statement.sql().rows(self).await
    }

    /// Forgets deleted instances that have not changed since, and what was done to them, at most so many; says how
    /// many they were.
    pub async fn forget_instances(&self, before_ms: i64, at_most: u32) -> Result<u64> {
        let old =
            "select id from instances where status = 'DELETED' and updated_ms < $1 order by updated_ms, id limit $2";
        let mut write = self.write().await?;
        // The history first: the same instances are chosen again while their rows are there.
        let history = format!("delete from instance_actions where instance_id in ({old})");
        sql!(AssertSqlSafe(history), before_ms, i64::from(at_most)).run(&mut write).await?;
        let rows = format!("delete from instances where id in ({old})");
        let rows = sqlx::query(AssertSqlSafe(rows)).bind(before_ms).bind(i64::from(at_most));
        let forgotten = rows.execute(&mut *write).await?.rows_affected();
        write.commit().await?;
        Ok(forgotten)
    }
}

fn selecting(page: &InstancePage) -> Statement {
    let mut statement = Statement::default();
    let seen = match page.seen {
        InstancesSeen::Living => "status <> 'DELETED'",
        InstancesSeen::Deleted => "status = 'DELETED'",
        InstancesSeen::ChangedSince(_) => "1 = 1",
    };
    let _ = write!(statement.text, "select {COLUMNS} from instances where {seen}");
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
        let _ = write!(statement.text, " and status in ({})", words.join(", "));
    }
    let order = total_order(&page.order, &[(SortKey::Id, Direction::Descending)]);
    if let Some(after) = &page.after {
        let order: Vec<_> =
            order.iter().map(|(key, direction)| (column(*key), *direction, sort_value(*key, after))).collect();
        let after = statement.after(&order);
        let _ = write!(statement.text, " and {after}");
    }
    let limit = statement.value(Value::Number(i64::from(page.limit)));
    let _ = write!(statement.text, " order by {} limit {limit}", order_by(&order, column));
    statement
}

fn column(key: SortKey) -> &'static str {
    match key {
        SortKey::Created => "created_ms",
        SortKey::Updated => "updated_ms",
        SortKey::Launched => "coalesce(launched_ms, -1)",
        SortKey::Name => "name",
        SortKey::Status => "status",
        SortKey::AccessIpv4 => "coalesce(access_ipv4, '')",
        SortKey::AccessIpv6 => "coalesce(access_ipv6, '')",
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
        SortKey::AccessIpv4 => written(row.access.v4),
        SortKey::AccessIpv6 => written(row.access.v6),
        SortKey::Id => Value::Text(row.id.to_string()),
    }
}

/// An address as its column has it; none sorts as an empty text.
fn written(address: Option<impl ToString>) -> Value {
    Value::Text(address.map(|address| address.to_string()).unwrap_or_default())
}

from_row!(UsedInstance { id, project_id, name, flavor as json, status, created_ms, launched_ms, terminated_ms });
