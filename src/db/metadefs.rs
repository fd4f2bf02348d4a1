//! The rows of metadata definitions.

use std::collections::HashMap;

use sqlx::{FromRow as _, Row as _};

use super::{Database, Write, columns::from_row, is_duplicate, now_ms, statement::sql};
use crate::{
    error::{Error, Result},
    model::{
        Step,
        metadef::{Item, Kind, Namespace, ResourceType},
    },
};

const NAMESPACE: &str = "name, display_name, description, case visibility when 'public' then 1 else 0 end as is_public, \
                         protected, owner, created_ms, updated_ms";

from_row!(Namespace {
    name, display_name, description, is_public as flag, protected as flag, owner, created_ms, updated_ms,
});
from_row!(Item { kind, name, body, created_ms, updated_ms });
from_row!(ResourceType { name, created_ms, updated_ms });

/// The word that a namespace's row holds.
fn visibility(namespace: &Namespace) -> &'static str {
    if namespace.is_public { "public" } else { "private" }
}

impl Database {
    /// Every namespace.
    pub async fn metadef_namespaces(&self) -> Result<Vec<Namespace>> {
        let sql = format!("select {NAMESPACE} from metadef_namespaces order by name");
        sql!(sqlx::AssertSqlSafe(sql)).rows(self).await
    }

    /// One namespace.
    pub async fn metadef_namespace(&self, name: &str) -> Result<Option<Namespace>> {
        let sql = format!("select {NAMESPACE} from metadef_namespaces where name = $1");
        sql!(sqlx::AssertSqlSafe(sql), name).row(self).await
    }

    /// Adds a namespace with what is in it.
    ///
    /// # Errors
    /// `Conflict` when one of this name is there.
    pub async fn insert_metadef_namespace(&self, namespace: &Namespace, items: &[Item]) -> Result<()> {
        let mut write = self.write().await?;
        insert_namespace(&mut write, namespace).await?;
        insert_items(&mut write, &namespace.name, items).await?;
        write.commit().await?;
        Ok(())
    }

    /// Adds the definitions that everybody has, unless that has been done before: resource types, once there, stay.
    pub async fn seed_metadefs(&self, types: &[String], namespaces: &[(Namespace, Vec<Item>)]) -> Result<()> {
        let mut write = self.write().await?;
        let found = sqlx::query("select 1 from metadef_resource_types limit 1").fetch_optional(&mut *write).await?;
        if found.is_some() {
            return Ok(());
        }
        for name in types {
            insert_resource_type(&mut write, name).await?;
        }
        for (namespace, items) in namespaces {
            insert_namespace(&mut write, namespace).await?;
            insert_items(&mut write, &namespace.name, items).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// Writes a namespace anew; `old` is what it was called.
    ///
    /// # Errors
    /// `Conflict` when another has its new name.
    pub async fn update_metadef_namespace(&self, old: &str, namespace: &Namespace) -> Result<Step> {
        let mut write = self.write().await?;
        let updated = sql!(
            "update metadef_namespaces set name = $2, display_name = $3, description = $4, visibility = $5, \
             protected = $6, owner = $7, updated_ms = $8 where name = $1",
            old,
            &namespace.name,
            &namespace.display_name,
            &namespace.description,
            visibility(namespace),
            i64::from(namespace.protected),
            namespace.owner,
            namespace.updated_ms
        )
        .run_unless_taken(&mut write)
        .await?
        .ok_or_else(|| taken(&namespace.name))?;
        write.commit().await?;
        Ok(Step::of(updated))
    }

    /// Deletes a namespace and all that is in it, unless it is protected.
    pub async fn delete_metadef_namespace(&self, name: &str) -> Result<Step> {
        let text = "delete from metadef_namespaces where name = $1 and protected = 0";
        sql!(text, name).commit(self).await.map(Step::of)
    }

    /// The resource types that each namespace is about.
    pub async fn metadef_types_by_namespace(&self) -> Result<HashMap<String, Vec<Item>>> {
        let text = "select kind, name, body, created_ms, updated_ms, namespace from metadef_items where kind = $1 order by name";
        let mut types: HashMap<String, Vec<Item>> = HashMap::new();
        for row in sqlx::query(text).bind(Kind::ResourceType).fetch_all(self.reads()).await? {
            types.entry(row.try_get("namespace")?).or_default().push(Item::from_row(&row)?);
        }
        Ok(types)
    }

    /// The contents of a namespace of these kinds.
    pub async fn metadef_items(&self, namespace: &str, kinds: &[Kind]) -> Result<Vec<Item>> {
        let text = "select kind, name, body, created_ms, updated_ms from metadef_items \
                    where namespace = $1 and kind = $2 order by name";
        let mut items = Vec::new();
        for kind in kinds {
            items.extend(sql!(text, namespace, kind).rows::<Item>(self).await?);
        }
        Ok(items)
    }

    /// Adds items to a namespace.
    ///
    /// # Errors
    /// `Conflict` when one of a name is there, `NotFound` when the namespace is not.
    pub async fn add_metadef_items(&self, namespace: &str, items: &[Item]) -> Result<()> {
        let mut write = self.write().await?;
        insert_items(&mut write, namespace, items).await?;
        write.commit().await?;
        Ok(())
    }

    /// Puts these items in the place of all of their kind.
    ///
    /// # Errors
    /// As [`Database::add_metadef_items`].
    pub async fn replace_metadef_items(&self, namespace: &str, kind: Kind, items: &[Item]) -> Result<()> {
        let mut write = self.write().await?;
        clear(&mut write, namespace, kind).await?;
        insert_items(&mut write, namespace, items).await?;
        write.commit().await?;
        Ok(())
    }

    /// Writes an item anew; `old` is what it was called.
    ///
    /// # Errors
    /// `Conflict` when another of its kind has its new name.
    pub async fn update_metadef_item(&self, namespace: &str, old: &str, item: &Item) -> Result<Step> {
        let mut write = self.write().await?;
        let updated = sql!(
            "update metadef_items set name = $4, body = $5, updated_ms = $6 \
             where namespace = $1 and kind = $2 and name = $3",
            namespace,
            item.kind,
            old,
            &item.name,
            &item.body,
            item.updated_ms
        )
        .run_unless_taken(&mut write)
        .await?
        .ok_or_else(|| taken(&item.name))?;
        write.commit().await?;
        Ok(Step::of(updated))
    }

    /// Deletes an item.
    pub async fn delete_metadef_item(&self, namespace: &str, kind: Kind, name: &str) -> Result<Step> {
        let mut write = self.write().await?;
        let text = "delete from metadef_items where namespace = $1 and kind = $2 and name = $3";
        let statement = sqlx::query(text).bind(namespace.to_owned()).bind(kind).bind(name.to_owned());
        let deleted = statement.execute(&mut *write).await?;
        write.commit().await?;
        Ok(Step::of(deleted.rows_affected()))
    }

    /// Deletes all items of a kind.
    pub async fn clear_metadef_items(&self, namespace: &str, kind: Kind) -> Result<()> {
        let mut write = self.write().await?;
        clear(&mut write, namespace, kind).await?;
        write.commit().await?;
        Ok(())
    }

    /// Every resource type that was ever named.
    pub async fn metadef_resource_types(&self) -> Result<Vec<ResourceType>> {
        let text = "select name, created_ms, updated_ms from metadef_resource_types order by name";
        sql!(text).rows(self).await
    }
}

async fn insert_namespace(write: &mut Write, namespace: &Namespace) -> Result<()> {
    sql!(
        "insert into metadef_namespaces (name, display_name, description, visibility, protected, owner, created_ms, \
         updated_ms) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        &namespace.name,
        &namespace.display_name,
        &namespace.description,
        visibility(namespace),
        i64::from(namespace.protected),
        namespace.owner,
        namespace.created_ms,
        namespace.updated_ms
    )
    .run_unless_taken(write)
    .await?
    .ok_or_else(|| taken(&namespace.name))?;
    Ok(())
}

async fn insert_items(write: &mut Write, namespace: &str, items: &[Item]) -> Result<()> {
    for item in items {
        sqlx::query(
            "insert into metadef_items (namespace, kind, name, body, created_ms, updated_ms) \
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(namespace.to_owned())
        .bind(item.kind)
        .bind(item.name.clone())
        .bind(item.body.clone())
        .bind(item.created_ms)
        .bind(item.updated_ms)
        .execute(&mut **write)
        .await
        .map_err(|error| match error.as_database_error().is_some_and(|e| e.is_foreign_key_violation()) {
            true => Error::NotFound(format!("Metadata definition namespace={namespace} was not found.")),
            false if is_duplicate(&error) => taken(&item.name),
            false => error.into(),
        })?;
        if item.kind == Kind::ResourceType {
            insert_resource_type(write, &item.name).await?;
        }
    }
    Ok(())
}

async fn insert_resource_type(write: &mut Write, name: &str) -> Result<()> {
    let text = "insert into metadef_resource_types (name, created_ms, updated_ms) values ($1, $2, $2) \
                on conflict do nothing";
    sql!(text, name, now_ms()).run(write).await.map(drop)
}

async fn clear(write: &mut Write, namespace: &str, kind: Kind) -> Result<()> {
    let text = "delete from metadef_items where namespace = $1 and kind = $2";
    sql!(text, namespace, kind).run(write).await.map(drop)
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("A metadata definition with the name '{name}' already exists."))
}
