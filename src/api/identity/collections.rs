//! The simple collections of Identity v3. Each is listed and added to at one URL, and each of its things is shown,
//! changed and deleted at another; what differs between them is in [`Collection`].

use std::{fmt, marker::PhantomData};

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    routing::{MethodRouter, get},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Value, json};

use super::{
    super::{Api, body::JsonBody, caller::Asked, error::Answer},
    lists::{Filters, Unread},
};
use crate::{error::Result, model::Extra};

/// The parts that differ from one collection to another.
pub(super) trait Collection: 'static {
    /// One thing, as bodies call it.
    const ONE: &'static str;
    /// All things, as URLs and lists call them.
    const MANY: &'static str;
    /// The filters of its list.
    const FILTERS: &'static [&'static str];
    /// One record, as the room knows it.
    type Row: Send + 'static;
    /// The fields that a body may have.
    type Fields: DeserializeOwned + Send + 'static;

    /// Its id.
    fn id(row: &Self::Row) -> &str;
    /// One as Keystone shows it, but for its link and the fields that clients added.
    fn shown(row: &Self::Row) -> Value;
    /// The fields that clients added.
    fn extra(row: &Self::Row) -> &Extra;

    /// The records that pass the filters: one more than fits on the page, if there are more.
    fn list(asked: &Asked, filters: &Filters) -> impl Future<Output = Result<Vec<Self::Row>>> + Send;
    /// Makes one.
    fn create(asked: &Asked, fields: Self::Fields) -> impl Future<Output = Result<Self::Row>> + Send;
    /// Finds one.
    fn show(asked: &Asked, id: &str) -> impl Future<Output = Result<Self::Row>> + Send;
    /// Changes what the body says of one.
    fn update(asked: &Asked, id: &str, fields: Self::Fields) -> impl Future<Output = Result<Self::Row>> + Send;
    /// Deletes one.
    fn delete(asked: &Asked, id: &str) -> impl Future<Output = Result<()>> + Send;
}

/// The two URLs of a collection.
pub(super) fn routes<C: Collection>() -> Router<Api> {
    let one: MethodRouter<Api> = get(show::<C>).patch(update::<C>).delete(delete::<C>);
    Router::new()
        .route(&format!("/v3/{}", C::MANY), get(list::<C>).post(create::<C>))
        .route(&format!("/v3/{}/{{{}}}", C::MANY, C::ONE), one)
}

async fn list<C: Collection>(asked: Asked, unread: Unread) -> Answer {
    let filters = unread.knowing(C::FILTERS)?;
    let rows = C::list(&asked, &filters).await?;
    Ok(Json(listed::<C>(&asked.url, &filters, rows)))
}

async fn create<C: Collection>(asked: Asked, JsonBody(body): JsonBody<Body<C>>) -> Answer<(StatusCode, Json<Value>)> {
    let row = C::create(&asked, body.0).await?;
    Ok((StatusCode::CREATED, one::<C>(&asked.url, &row)))
}

async fn show<C: Collection>(asked: Asked, Path(id): Path<String>) -> Answer {
    Ok(one::<C>(&asked.url, &C::show(&asked, &id).await?))
}

async fn update<C: Collection>(asked: Asked, Path(id): Path<String>, JsonBody(body): JsonBody<Body<C>>) -> Answer {
    Ok(one::<C>(&asked.url, &C::update(&asked, &id, body.0).await?))
}

async fn delete<C: Collection>(asked: Asked, Path(id): Path<String>) -> Answer<StatusCode> {
    C::delete(&asked, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A list of things of this collection.
pub(super) fn listed<C: Collection>(url: &str, filters: &Filters, rows: Vec<C::Row>) -> Value {
    filters.shown(C::MANY, rows, C::id, |row| linked::<C>(url, row))
}

/// The answer that shows one.
pub(super) fn one<C: Collection>(url: &str, row: &C::Row) -> Json<Value> {
    Json(json!({C::ONE: linked::<C>(url, row)}))
}

fn linked<C: Collection>(url: &str, row: &C::Row) -> Value {
    let mut shown = C::shown(row);
    // A damaged row shows what is known of it. No field of a client's stands in the place of one of ours.
    if let Value::Object(fields) = &mut shown {
        for (name, value) in C::extra(row).read().unwrap_or_default() {
            fields.entry(name).or_insert(value);
        }
    }
    shown["links"] = json!({"self": format!("{url}/identity/v3/{}/{}", C::MANY, C::id(row))});
    shown
}

/// A body: what it says of the one thing is under the collection's word.
pub(super) struct Body<C: Collection>(pub(super) C::Fields);

impl<'de, C: Collection> Deserialize<'de> for Body<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Body<C>, D::Error> {
        deserializer.deserialize_map(Under(PhantomData))
    }
}

struct Under<C>(PhantomData<C>);

impl<'de, C: Collection> Visitor<'de> for Under<C> {
    type Value = Body<C>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with '{}'", C::ONE)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body<C>, A::Error> {
        let mut fields = None;
        while let Some(word) = map.next_key::<String>()? {
            if word == C::ONE {
                fields = Some(Body(map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        fields.ok_or_else(|| A::Error::missing_field(C::ONE))
    }
}
