//! `/v3/domains`.

use axum::Json;
use serde_json::{Value, json};

use super::{
    super::{caller::Asked, error::Answer},
    collections::{Collection, listed},
    lists::{Filters, Unread},
};
use crate::{
    error::Result,
    identity::domains::{Domain, DomainFields, ListDomains},
    model::Extra,
};

/// `/v3/domains`
pub(super) struct Domains;

impl Collection for Domains {
    const ONE: &'static str = "domain";
    const MANY: &'static str = "domains";
    const FILTERS: &'static [&'static str] = &["name", "enabled"];
    type Row = Domain;
    type Fields = DomainFields;

    fn id(row: &Domain) -> &str {
        &row.id
    }

    fn shown(domain: &Domain) -> Value {
        json!({
            "id": domain.id,
            "name": domain.name,
            "description": domain.description,
            "enabled": domain.enabled,
            "tags": [],
            "options": domain.options,
        })
    }

    fn extra(row: &Domain) -> &Extra {
        &row.extra
    }

    async fn list(asked: &Asked, filters: &Filters) -> Result<Vec<Domain>> {
        asked.rooms.identity.domains(&asked.caller, &wanted(filters)).await
    }

    async fn create(asked: &Asked, fields: Self::Fields) -> Result<Domain> {
        asked.rooms.identity.create_domain(&asked.caller, fields).await
    }

    async fn show(asked: &Asked, id: &str) -> Result<Domain> {
        asked.rooms.identity.domain(&asked.caller, id).await
    }

    async fn update(asked: &Asked, id: &str, fields: Self::Fields) -> Result<Domain> {
        asked.rooms.identity.update_domain(&asked.caller, id, fields).await
    }

    async fn delete(asked: &Asked, id: &str) -> Result<()> {
        asked.rooms.identity.delete_domain(&asked.caller, id).await
    }
}

/// `GET /v3/auth/domains`
pub(super) async fn own(Asked { rooms, caller, url }: Asked, unread: Unread) -> Answer {
    let filters = unread.knowing(&["name"])?;
    let mut rows = rooms.identity.own_domains(&caller).await?;
    rows.retain(|row| filters.is_named(&row.name));
    filters.begin(&mut rows, Domains::id)?;
    Ok(Json(listed::<Domains>(&url, &filters, rows)))
}

pub(super) fn wanted(filters: &Filters) -> ListDomains<'_> {
    ListDomains {
        name: filters.text("name"),
        parts: filters.parts(),
        enabled: filters.flag("enabled"),
        marker: filters.marker(),
        limit: filters.one_more(),
    }
}
