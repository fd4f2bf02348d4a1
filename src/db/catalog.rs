//! The catalog's rows that an admin added: regions, services and their endpoints.

use sqlx::{Row as _, any::AnyRow};

use super::{Database, columns::flag};
use crate::{
    error::Result,
    model::catalog::{Endpoint, Region, Service},
};

impl Database {
    /// Every region.
    pub(crate) async fn regions(&self) -> Result<Vec<Region>> {
        let rows = sqlx::query("select id, description, parent_region_id from regions order by id")
            .fetch_all(self.reads())
            .await?;
        Ok(rows.iter().map(region).collect::<sqlx::Result<_>>()?)
    }

    /// Every service.
    pub(crate) async fn services(&self) -> Result<Vec<Service>> {
        let rows = sqlx::query("select id, kind, name, description, enabled from services order by kind, name, id")
            .fetch_all(self.reads())
            .await?;
        Ok(rows.iter().map(service).collect::<sqlx::Result<_>>()?)
    }

    /// Every endpoint.
    pub(crate) async fn endpoints(&self) -> Result<Vec<Endpoint>> {
        let rows = sqlx::query("select id, service_id, interface, region_id, url, enabled from endpoints order by id")
            .fetch_all(self.reads())
            .await?;
        Ok(rows.iter().map(endpoint).collect::<sqlx::Result<_>>()?)
    }

    /// Keeps a new region; false when there is one of this id.
    pub(crate) async fn insert_region(&self, region: &Region) -> Result<bool> {
        let mut write = self.write().await?;
        let made = sqlx::query(
            "insert into regions (id, description, parent_region_id) values ($1, $2, $3) on conflict do nothing",
        )
        .bind(&region.id)
        .bind(&region.description)
        .bind(region.parent_region_id.as_deref())
        .execute(&mut *write)
        .await?
        .rows_affected();
        write.commit().await?;
        Ok(made == 1)
    }

    /// Keeps a service, new or changed.
    pub(crate) async fn put_service(&self, service: &Service) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "insert into services (id, kind, name, description, enabled) values ($1, $2, $3, $4, $5)
             on conflict (id) do update set kind = $2, name = $3, description = $4, enabled = $5",
        )
        .bind(&service.id)
        .bind(&service.kind)
        .bind(&service.name)
        .bind(&service.description)
        .bind(i64::from(service.enabled))
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// Keeps an endpoint, new or changed.
    pub(crate) async fn put_endpoint(&self, endpoint: &Endpoint) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "insert into endpoints (id, service_id, interface, region_id, url, enabled) values ($1, $2, $3, $4, $5, $6)
             on conflict (id) do update set service_id = $2, interface = $3, region_id = $4, url = $5, enabled = $6",
        )
        .bind(&endpoint.id)
        .bind(&endpoint.service_id)
        .bind(&endpoint.interface)
        .bind(endpoint.region_id.as_deref())
        .bind(&endpoint.url)
        .bind(i64::from(endpoint.enabled))
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// Changes a region; false when there is none.
    pub(crate) async fn update_region(&self, region: &Region) -> Result<bool> {
        let mut write = self.write().await?;
        let changed = sqlx::query("update regions set description = $2, parent_region_id = $3 where id = $1")
            .bind(&region.id)
            .bind(&region.description)
            .bind(region.parent_region_id.as_deref())
            .execute(&mut *write)
            .await?
            .rows_affected();
        write.commit().await?;
        Ok(changed == 1)
    }

    /// Deletes a region; false when there is none.
    pub(crate) async fn delete_region(&self, id: &str) -> Result<bool> {
        self.delete_one("delete from regions where id = $1", id).await
    }

    /// Deletes a service with its endpoints; false when there is none.
    pub(crate) async fn delete_service(&self, id: &str) -> Result<bool> {
        self.delete_one("delete from services where id = $1", id).await
    }

    /// Deletes an endpoint; false when there is none.
    pub(crate) async fn delete_endpoint(&self, id: &str) -> Result<bool> {
        self.delete_one("delete from endpoints where id = $1", id).await
    }

    async fn delete_one(&self, statement: &'static str, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let gone = sqlx::query(statement).bind(id).execute(&mut *write).await?.rows_affected();
        write.commit().await?;
        Ok(gone == 1)
    }
}

fn region(row: &AnyRow) -> sqlx::Result<Region> {
    Ok(Region {
        id: row.try_get("id")?,
        description: row.try_get("description")?,
        parent_region_id: row.try_get("parent_region_id")?,
    })
}

fn service(row: &AnyRow) -> sqlx::Result<Service> {
    Ok(Service {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        enabled: flag(row, "enabled")?,
    })
}

fn endpoint(row: &AnyRow) -> sqlx::Result<Endpoint> {
    Ok(Endpoint {
        id: row.try_get("id")?,
        service_id: row.try_get("service_id")?,
        interface: row.try_get("interface")?,
        region_id: row.try_get("region_id")?,
        url: row.try_get("url")?,
        enabled: flag(row, "enabled")?,
    })
}
