//! The catalog's rows that an admin added: regions, services and their endpoints.

use super::{Database, columns::from_row, statement::sql};
use crate::{
    error::Result,
    model::catalog::{Endpoint, Region, Service},
};

impl Database {
    /// Every region.
    pub(crate) async fn regions(&self) -> Result<Vec<Region>> {
        sql!("select id, description, parent_region_id, extra from regions order by id").rows(self).await
    }

    /// Every service.
    pub(crate) async fn services(&self) -> Result<Vec<Service>> {
        sql!("select id, kind, name, description, enabled, extra from services order by kind, name, id")
            .rows(self)
            .await
    }

    /// Every endpoint.
    pub(crate) async fn endpoints(&self) -> Result<Vec<Endpoint>> {
        sql!("select id, service_id, interface, region_id, url, enabled, extra from endpoints order by id")
            .rows(self)
            .await
    }

    /// Keeps a new region; false when there is one of this id.
    pub(crate) async fn insert_region(&self, region: &Region) -> Result<bool> {
        let text = "insert into regions (id, description, parent_region_id, extra) values ($1, $2, $3, $4) on conflict do nothing";
        sql!(text, &region.id, &region.description, &region.parent_region_id, &region.extra)
            .commit(self)
            .await
            .map(|rows| rows == 1)
    }

    /// Keeps a service, new or changed.
    pub(crate) async fn put_service(&self, service: &Service) -> Result<()> {
        sql!(
            "insert into services (id, kind, name, description, enabled, extra) values ($1, $2, $3, $4, $5, $6)
             on conflict (id) do update set kind = $2, name = $3, description = $4, enabled = $5, extra = $6",
            &service.id,
            &service.kind,
            &service.name,
            &service.description,
            i64::from(service.enabled),
            &service.extra
        )
        .commit(self)
        .await
        .map(drop)
    }

    /// Keeps an endpoint, new or changed.
    pub(crate) async fn put_endpoint(&self, endpoint: &Endpoint) -> Result<()> {
        sql!(
            "insert into endpoints (id, service_id, interface, region_id, url, enabled, extra)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (id)
             do update set service_id = $2, interface = $3, region_id = $4, url = $5, enabled = $6, extra = $7",
            &endpoint.id,
            &endpoint.service_id,
            &endpoint.interface,
            &endpoint.region_id,
            &endpoint.url,
            i64::from(endpoint.enabled),
            &endpoint.extra
        )
        .commit(self)
        .await
        .map(drop)
    }

    /// Changes a region; false when there is none.
    pub(crate) async fn update_region(&self, region: &Region) -> Result<bool> {
        let text = "update regions set description = $2, parent_region_id = $3, extra = $4 where id = $1";
        sql!(text, &region.id, &region.description, &region.parent_region_id, &region.extra)
            .commit(self)
            .await
            .map(|rows| rows == 1)
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
        sql!(statement, id).commit(self).await.map(|rows| rows == 1)
    }
}

from_row!(Region { id, description, parent_region_id, extra });

from_row!(Service { id, kind, name, description, enabled as flag, extra });

from_row!(Endpoint { id, service_id, interface, region_id, url, enabled as flag, extra });
