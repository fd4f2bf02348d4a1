//! Metadata definitions: namespaces, and what is in them.

use axum::{
    Extension, Json, Router,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, delete, get},
};
use serde_json::{Map, Value, json};

use super::metadef_view::{self as view, NAMESPACES};
use crate::{
    api::{
        Api,
        body::JsonBody,
        caller::Asked,
        error::Answer,
        paging::{self, Page, Query, begin_after},
    },
    error::{Error, Result},
    metadefs::{Item, Kind, Namespace},
};

type Body = JsonBody<Map<String, Value>>;

/// Every URL below `/v2/metadefs`.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v2/metadefs/resource_types", get(resource_types))
        .route("/v2/metadefs/namespaces", get(list).post(create))
        .route("/v2/metadefs/namespaces/{namespace}", get(show).put(update).delete(delete_namespace))
        .merge(items_of(Kind::ResourceType, get(associations).post(associate), "resource_type", delete(remove)))
        .merge(items_of(Kind::Object, get(items).post(add).delete(clear), "object", one()))
        .merge(items_of(Kind::Property, get(properties).post(add).delete(clear), "property", one()))
        .merge(items_of(Kind::Tag, get(items).post(add_tags).delete(clear), "tag", one().post(add_tag)))
}

/// The URLs of what a namespace holds of one kind; their handlers are told the kind.
fn items_of(kind: Kind, all: MethodRouter<Api>, name: &str, one: MethodRouter<Api>) -> Router<Api> {
    let at = format!("/v2/metadefs/namespaces/{{namespace}}/{}", view::plural(kind));
    Router::new().route(&at, all).route(&format!("{at}/{{{name}}}"), one).layer(Extension(kind))
}

fn one() -> MethodRouter<Api> {
    get(item).put(change).delete(remove)
}

async fn resource_types(Asked { rooms, caller, .. }: Asked) -> Answer {
    let types = rooms.metadefs.resource_types(&caller).await?;
    Ok(Json(json!({"resource_types": types.iter().map(view::resource_type).collect::<Vec<_>>()})))
}

async fn list(Asked { rooms, caller, .. }: Asked, query: Query) -> Answer {
    let wanted = Wanted::parse(&query, &["visibility", "resource_types", "sort_key", "sort_dir", "limit", "marker"])?;
    let mut seen = rooms.metadefs.list(&caller).await?;
    seen.retain(|(namespace, types)| wanted.shows(namespace, types));
    let page = wanted.page_of(seen, Key::of_namespace)?;
    let shown = page.items.iter().map(|(namespace, types)| view::listed(namespace, types)).collect();
    Ok(Json(linked("namespaces", Value::Array(shown), NAMESPACES, &query, page.next)))
}

async fn create(Asked { rooms, caller, .. }: Asked, JsonBody(body): Body) -> Answer<Response> {
    let (namespace, items) = rooms.metadefs.create(&caller, body).await?;
    Ok(created(view::whole(&namespace, &items), Some(view::href(&namespace.name))))
}

async fn show(Asked { rooms, caller, .. }: Asked, Path(namespace): Path<String>, query: Query) -> Answer {
    let (namespace, items) = rooms.metadefs.show(&caller, &namespace).await?;
    let mut shown = view::whole(&namespace, &items);
    if let Some(on) = query.one("resource_type") {
        view::prefix(&mut shown, &items, on);
    }
    Ok(Json(shown))
}

async fn update(Asked { rooms, caller, .. }: Asked, Path(namespace): Path<String>, JsonBody(body): Body) -> Answer {
    let namespace = rooms.metadefs.update(&caller, &namespace, body).await?;
    Ok(Json(view::namespace(&namespace)))
}

async fn delete_namespace(Asked { rooms, caller, .. }: Asked, Path(namespace): Path<String>) -> Answer<StatusCode> {
    rooms.metadefs.delete(&caller, &namespace).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn associations(Asked { rooms, caller, .. }: Asked, Path(namespace): Path<String>) -> Answer {
    let types = rooms.metadefs.items(&caller, &namespace, Kind::ResourceType).await?;
    Ok(Json(json!({"resource_type_associations": types.iter().map(view::item).collect::<Vec<_>>()})))
}

async fn associate(
    Asked { rooms, caller, .. }: Asked,
    Path(namespace): Path<String>,
    JsonBody(body): Body,
) -> Answer<Response> {
    let item = rooms.metadefs.add(&caller, &namespace, Kind::ResourceType, body).await?;
    Ok(created(view::item(&item), None))
}

async fn properties(Asked { rooms, caller, .. }: Asked, Path(namespace): Path<String>) -> Answer {
    let items = rooms.metadefs.items(&caller, &namespace, Kind::Property).await?;
    Ok(Json(json!({"properties": view::properties(&items)})))
}

async fn items(
    Asked { rooms, caller, .. }: Asked,
    Extension(kind): Extension<Kind>,
    Path(namespace): Path<String>,
    query: Query,
) -> Answer {
    let wanted = Wanted::parse(&query, &["sort_key", "sort_dir", "limit", "marker"])?;
    let items = rooms.metadefs.items(&caller, &namespace, kind).await?;
    let page = wanted.page_of(items, Key::of_item)?;
    let shown = page.items.iter().map(|item| view::in_list(kind, &namespace, item)).collect();
    let (name, at) = (view::plural(kind), view::items_href(kind, &namespace));
    Ok(Json(linked(name, shown, &at, &query, page.next)))
}

async fn add(
    Asked { rooms, caller, .. }: Asked,
    Extension(kind): Extension<Kind>,
    Path(namespace): Path<String>,
    JsonBody(body): Body,
) -> Answer<Response> {
    let item = rooms.metadefs.add(&caller, &namespace, kind, body).await?;
    let at = view::item_href(kind, &namespace, &item.name);
    Ok(created(view::one(kind, &namespace, &item), Some(at)))
}

async fn item(
    Asked { rooms, caller, .. }: Asked,
    Extension(kind): Extension<Kind>,
    Path((namespace, name)): Path<(String, String)>,
    query: Query,
) -> Answer {
    let item = match query.one("resource_type").filter(|_| kind == Kind::Property) {
        Some(on) => rooms.metadefs.property_on(&caller, &namespace, &name, on).await?,
        None => rooms.metadefs.item(&caller, &namespace, kind, &name).await?,
    };
    Ok(Json(view::one(kind, &namespace, &item)))
}

async fn change(
    Asked { rooms, caller, .. }: Asked,
    Extension(kind): Extension<Kind>,
    Path((namespace, name)): Path<(String, String)>,
    JsonBody(body): Body,
) -> Answer {
    let item = rooms.metadefs.change(&caller, &namespace, kind, &name, body).await?;
    Ok(Json(view::one(kind, &namespace, &item)))
}

async fn remove(
    Asked { rooms, caller, .. }: Asked,
    Extension(kind): Extension<Kind>,
    Path((namespace, name)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.metadefs.remove(&caller, &namespace, kind, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear(
    Asked { rooms, caller, .. }: Asked,
    Extension(kind): Extension<Kind>,
    Path(namespace): Path<String>,
) -> Answer<StatusCode> {
    rooms.metadefs.clear(&caller, &namespace, kind).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST …/tags`: replaces all tags, unless the client asks to add these.
async fn add_tags(
    Asked { rooms, caller, .. }: Asked,
    Path(namespace): Path<String>,
    headers: HeaderMap,
    JsonBody(mut body): Body,
) -> Answer<Response> {
    let tags = serde_json::from_value(body.remove("tags").unwrap_or_default())
        .map_err(|_| Error::Invalid("'tags' must be a list of objects with a name".into()))?;
    let appends = headers.get("x-openstack-append").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let tags = match appends {
        true => rooms.metadefs.append_tags(&caller, &namespace, tags).await?,
        false => rooms.metadefs.replace_tags(&caller, &namespace, tags).await?,
    };
    Ok(created(json!({"tags": view::tags(&tags)}), None))
}

/// `POST …/tags/{tag}`: the URL says all there is to a tag.
async fn add_tag(
    asked: Asked,
    kind: Extension<Kind>,
    Path((namespace, name)): Path<(String, String)>,
) -> Answer<Response> {
    let body = Map::from_iter([("name".to_owned(), name.into())]);
    add(asked, kind, Path(namespace), JsonBody(body)).await
}

fn created(body: Value, at: Option<String>) -> Response {
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    if let Some(Ok(at)) = at.map(|at| HeaderValue::from_str(&at)) {
        response.headers_mut().insert(header::LOCATION, at);
    }
    response
}

/// The page of a list, and its order.
struct Wanted {
    visibility: Option<bool>,
    resource_types: Option<Vec<String>>,
    by_time: Option<fn(&Key<'_>) -> i64>,
    is_ascending: bool,
    marker: Option<String>,
    limit: usize,
}

/// The key that lists are sorted and continued by.
struct Key<'a> {
    name: &'a str,
    created_ms: i64,
    updated_ms: i64,
}

impl Key<'_> {
    fn of_item(item: &Item) -> Key<'_> {
        Key { name: &item.name, created_ms: item.created_ms, updated_ms: item.updated_ms }
    }

    fn of_namespace((namespace, _): &(Namespace, Vec<Item>)) -> Key<'_> {
        Key { name: &namespace.name, created_ms: namespace.created_ms, updated_ms: namespace.updated_ms }
    }
}

impl Wanted {
    fn parse(query: &Query, known: &[&str]) -> Result<Wanted> {
        query.only(known)?;
        let limit = paging::PAGE as usize;
        let mut wanted = Wanted {
            visibility: None,
            resource_types: None,
            by_time: Some(|key| key.created_ms),
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
                        "created_at" => Some(|key| key.created_ms),
                        "updated_at" => Some(|key| key.updated_ms),
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

    /// The page that is asked for, of a list that is held whole.
    fn page_of<T>(&self, mut all: Vec<T>, key: impl Fn(&T) -> Key<'_>) -> Result<Page<T>> {
        all.sort_by_key(|one| (self.by_time.map(|time| time(&key(one))), key(one).name.to_owned()));
        if !self.is_ascending {
            all.reverse();
        }
        let missing = |marker: &str| Error::NotFound(format!("Metadata definition {marker} was not found."));
        begin_after(&mut all, self.marker.as_deref(), |one, marker| key(one).name == marker, missing)?;
        all.truncate(self.limit);
        Ok(Page::full(all, self.limit, |one| key(one).name.to_owned()))
    }
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
