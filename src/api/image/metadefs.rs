//! Metadata definitions: namespaces, and what is in them.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{delete, get},
};
use serde_json::{Map, Value, json};

use super::metadef_view::{self as view, NAMESPACES};
use crate::{
    api::{
        Api,
        body::JsonBody,
        caller::Authenticated,
        error::ApiError,
        paging::{self, Page, Query, begin_after},
    },
    error::{Error, Result},
    metadefs::{Item, Kind, Namespace},
};

type Body = JsonBody<Map<String, Value>>;

/// Every URL below `/v2/metadefs`.
pub(super) fn routes() -> Router<Api> {
    let namespace = "/v2/metadefs/namespaces/{namespace}";
    let at = |rest: &str| format!("{namespace}/{rest}");
    Router::new()
        .route("/v2/metadefs/resource_types", get(resource_types))
        .route("/v2/metadefs/namespaces", get(list).post(create))
        .route(namespace, get(show).put(update).delete(delete_namespace))
        .route(&at("resource_types"), get(associations).post(associate))
        .route(&at("resource_types/{resource_type}"), delete(dissociate))
        .route(&at("objects"), get(objects).post(add_object).delete(clear_objects))
        .route(&at("objects/{object}"), get(object).put(change_object).delete(remove_object))
        .route(&at("properties"), get(properties).post(add_property).delete(clear_properties))
        .route(&at("properties/{property}"), get(property).put(change_property).delete(remove_property))
        .route(&at("tags"), get(tags).post(add_tags).delete(clear_tags))
        .route(&at("tags/{tag}"), get(tag).post(add_tag).put(change_tag).delete(remove_tag))
}

async fn resource_types(State(api): State<Api>, Authenticated(caller): Authenticated) -> Result<Json<Value>, ApiError> {
    let types = api.metadefs.resource_types(&caller).await?;
    Ok(Json(json!({"resource_types": types.iter().map(view::resource_type).collect::<Vec<_>>()})))
}

async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let wanted = Wanted::parse(&query)?;
    let seen = api.metadefs.list(&caller).await?;
    let page = wanted.page_of(seen, |(namespace, types)| wanted.shows(namespace, types), name_of)?;
    let shown = page.items.iter().map(|(namespace, types)| view::listed(namespace, types)).collect();
    Ok(Json(linked("namespaces", Value::Array(shown), NAMESPACES, &query, page.next)))
}

async fn create(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    JsonBody(body): Body,
) -> Result<Response, ApiError> {
    let (namespace, items) = api.metadefs.create(&caller, body).await?;
    Ok(created(view::whole(&namespace, &items), Some(view::href(&namespace.name))))
}

async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let (namespace, items) = api.metadefs.show(&caller, &namespace).await?;
    let mut shown = view::whole(&namespace, &items);
    if let Some(on) = query.one("resource_type") {
        view::prefix(&mut shown, &items, on);
    }
    Ok(Json(shown))
}

async fn update(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
    JsonBody(body): Body,
) -> Result<Json<Value>, ApiError> {
    let namespace = api.metadefs.update(&caller, &namespace, body).await?;
    Ok(Json(view::namespace(&namespace)))
}

async fn delete_namespace(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.metadefs.delete(&caller, &namespace).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn associations(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let types = api.metadefs.items(&caller, &namespace, Kind::ResourceType).await?;
    Ok(Json(json!({"resource_type_associations": types.iter().map(view::item).collect::<Vec<_>>()})))
}

async fn associate(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
    JsonBody(body): Body,
) -> Result<Response, ApiError> {
    let item = api.metadefs.add(&caller, &namespace, Kind::ResourceType, body).await?;
    Ok(created(view::item(&item), None))
}

async fn dissociate(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.metadefs.remove(&caller, &namespace, Kind::ResourceType, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn objects(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let wanted = Wanted::parse(&query)?;
    let items = api.metadefs.items(&caller, &namespace, Kind::Object).await?;
    let page = wanted.page_of(items, |_| true, |item| &item.name)?;
    let shown = page.items.iter().map(|item| view::object(&namespace, item)).collect();
    Ok(Json(linked("objects", Value::Array(shown), &format!("{}/objects", view::href(&namespace)), &query, page.next)))
}

async fn add_object(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
    JsonBody(body): Body,
) -> Result<Response, ApiError> {
    let item = api.metadefs.add(&caller, &namespace, Kind::Object, body).await?;
    let at = view::object_href(&namespace, &item.name);
    Ok(created(view::object(&namespace, &item), Some(at)))
}

async fn object(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let item = api.metadefs.item(&caller, &namespace, Kind::Object, &name).await?;
    Ok(Json(view::object(&namespace, &item)))
}

async fn change_object(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
    JsonBody(body): Body,
) -> Result<Json<Value>, ApiError> {
    let item = api.metadefs.change(&caller, &namespace, Kind::Object, &name, body).await?;
    Ok(Json(view::object(&namespace, &item)))
}

async fn remove_object(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.metadefs.remove(&caller, &namespace, Kind::Object, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_objects(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.metadefs.clear(&caller, &namespace, Kind::Object).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn properties(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let items = api.metadefs.items(&caller, &namespace, Kind::Property).await?;
    Ok(Json(json!({"properties": view::properties(&items)})))
}

async fn add_property(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
    JsonBody(body): Body,
) -> Result<Response, ApiError> {
    let item = api.metadefs.add(&caller, &namespace, Kind::Property, body).await?;
    let at = format!("{}/properties/{}", view::href(&namespace), item.name);
    Ok(created(view::property(&item), Some(at)))
}

async fn property(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let item = match query.one("resource_type") {
        Some(on) => api.metadefs.property_on(&caller, &namespace, &name, on).await?,
        None => api.metadefs.item(&caller, &namespace, Kind::Property, &name).await?,
    };
    Ok(Json(view::property(&item)))
}

async fn change_property(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
    JsonBody(body): Body,
) -> Result<Json<Value>, ApiError> {
    let item = api.metadefs.change(&caller, &namespace, Kind::Property, &name, body).await?;
    Ok(Json(view::property(&item)))
}

async fn remove_property(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.metadefs.remove(&caller, &namespace, Kind::Property, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_properties(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.metadefs.clear(&caller, &namespace, Kind::Property).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tags(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
    query: Query,
) -> Result<Json<Value>, ApiError> {
    let wanted = Wanted::parse(&query)?;
    let items = api.metadefs.items(&caller, &namespace, Kind::Tag).await?;
    let page = wanted.page_of(items, |_| true, |item| &item.name)?;
    Ok(Json(linked("tags", view::tags(&page.items), &format!("{}/tags", view::href(&namespace)), &query, page.next)))
}

/// `POST …/tags`: in the place of all, unless the client says that they are to be added.
async fn add_tags(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
    headers: HeaderMap,
    JsonBody(mut body): Body,
) -> Result<Response, ApiError> {
    let tags = serde_json::from_value(body.remove("tags").unwrap_or_default())
        .map_err(|_| Error::Invalid("'tags' is a list of objects with a name".into()))?;
    let appends = headers.get("x-openstack-append").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let tags = match appends {
        true => api.metadefs.append_tags(&caller, &namespace, tags).await?,
        false => api.metadefs.replace_tags(&caller, &namespace, tags).await?,
    };
    Ok(created(json!({"tags": view::tags(&tags)}), None))
}

async fn tag(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(view::item(&api.metadefs.item(&caller, &namespace, Kind::Tag, &name).await?)))
}

async fn add_tag(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let mut body = Map::new();
    body.insert("name".into(), name.into());
    let item = api.metadefs.add(&caller, &namespace, Kind::Tag, body).await?;
    let at = format!("{}/tags/{}", view::href(&namespace), item.name);
    Ok(created(view::item(&item), Some(at)))
}

async fn change_tag(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
    JsonBody(body): Body,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(view::item(&api.metadefs.change(&caller, &namespace, Kind::Tag, &name, body).await?)))
}

async fn remove_tag(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.metadefs.remove(&caller, &namespace, Kind::Tag, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_tags(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(namespace): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.metadefs.clear(&caller, &namespace, Kind::Tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn created(body: Value, at: Option<String>) -> Response {
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    if let Some(Ok(at)) = at.map(|at| HeaderValue::from_str(&at)) {
        response.headers_mut().insert(header::LOCATION, at);
    }
    response
}

/// Which page of a list, and in which order.
struct Wanted {
    visibility: Option<bool>,
    resource_types: Option<Vec<String>>,
    by_time: Option<fn(&Sortable) -> i64>,
    is_ascending: bool,
    marker: Option<String>,
    limit: usize,
}

/// What lists are sorted by.
struct Sortable {
    created_ms: i64,
    updated_ms: i64,
}

/// What a list holds.
trait Listed {
    fn times(&self) -> Sortable;
}

impl Listed for Item {
    fn times(&self) -> Sortable {
        Sortable { created_ms: self.created_ms, updated_ms: self.updated_ms }
    }
}

impl Listed for (Namespace, Vec<Item>) {
    fn times(&self) -> Sortable {
        Sortable { created_ms: self.0.created_ms, updated_ms: self.0.updated_ms }
    }
}

impl Wanted {
    fn parse(query: &Query) -> Result<Wanted> {
        let limit = paging::PAGE as usize;
        let mut wanted = Wanted {
            visibility: None,
            resource_types: None,
            by_time: Some(|times| times.created_ms),
            is_ascending: false,
            marker: None,
            limit,
        };
        for (name, value) in query.pairs() {
            let bad = |what: &str| Error::Invalid(format!("{name}: {what}, not '{value}'"));
            match name {
                "visibility" if value == "public" || value == "private" => wanted.visibility = Some(value == "public"),
                "visibility" => return Err(bad("public or private")),
                "resource_types" => wanted.resource_types = Some(value.split(',').map(str::to_owned).collect()),
                "sort_key" => {
                    wanted.by_time = match value {
                        "created_at" => Some(|times| times.created_ms),
                        "updated_at" => Some(|times| times.updated_ms),
                        "namespace" | "name" => None,
                        _ => return Err(bad("created_at, updated_at or namespace")),
                    }
                }
                "sort_dir" if value == "asc" || value == "desc" => wanted.is_ascending = value == "asc",
                "sort_dir" => return Err(bad("asc or desc")),
                "marker" => wanted.marker = Some(value.to_owned()),
                "limit" => wanted.limit = paging::limit(Some(value), paging::PAGE)? as usize,
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn shows(&self, namespace: &Namespace, types: &[Item]) -> bool {
        self.visibility.is_none_or(|is_public| namespace.is_public == is_public)
            && self.resource_types.as_ref().is_none_or(|wanted| types.iter().any(|of| wanted.contains(&of.name)))
    }

    /// The page, and the marker of the next one.
    fn page_of<T: Listed>(
        &self,
        all: Vec<T>,
        shows: impl Fn(&T) -> bool,
        name: impl Fn(&T) -> &String,
    ) -> Result<Page<T>> {
        let mut kept: Vec<T> = all.into_iter().filter(|one| shows(one)).collect();
        let key = |one: &T| (self.by_time.map(|time| time(&one.times())), name(one).clone());
        kept.sort_by_key(key);
        if !self.is_ascending {
            kept.reverse();
        }
        let missing = |marker: &str| Error::NotFound(format!("Metadata definition {marker} was not found."));
        begin_after(&mut kept, self.marker.as_deref(), |one, marker| name(one) == marker, missing)?;
        kept.truncate(self.limit);
        Ok(Page::full(kept, self.limit, |one| name(one).clone()))
    }
}

fn name_of(listed: &(Namespace, Vec<Item>)) -> &String {
    &listed.0.name
}

/// A list with the links around it.
fn linked(name: &str, shown: Value, at: &str, query: &Query, next: Option<String>) -> Value {
    let mut page = json!({"first": query.first(at), "schema": format!("/v2/schemas/metadefs/{name}")});
    page[name] = shown;
    if let Some(marker) = next {
        page["next"] = query.after(at, &marker).into();
    }
    page
}
