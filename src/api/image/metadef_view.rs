//! Metadata definitions as JSON. Fields that are not set are left out, as in Glance.

use serde_json::{Map, Value, json};

use super::render::seconds;
use crate::metadefs::{Item, Kind, Namespace, ResourceType, prefix_of};

/// Where namespaces are.
pub(super) const NAMESPACES: &str = "/v2/metadefs/namespaces";

pub(super) fn href(namespace: &str) -> String {
    format!("{NAMESPACES}/{namespace}")
}

/// The word for all things of a kind, in URLs and lists.
pub(super) fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Object => "objects",
        Kind::Property => "properties",
        Kind::Tag => "tags",
        Kind::ResourceType => "resource_types",
    }
}

/// Where the things of one kind in a namespace are.
pub(super) fn items_href(kind: Kind, namespace: &str) -> String {
    format!("{}/{}", href(namespace), plural(kind))
}

/// Where one of them is.
pub(super) fn item_href(kind: Kind, namespace: &str, name: &str) -> String {
    format!("{}/{name}", items_href(kind, namespace))
}

/// One thing of a kind, at its own URL.
pub(super) fn one(kind: Kind, namespace: &str, item: &Item) -> Value {
    match kind {
        Kind::Object => object(namespace, item),
        Kind::Property => property(item),
        Kind::Tag | Kind::ResourceType => self::item(item),
    }
}

/// The same in a list, where a tag is its name and nothing else.
pub(super) fn in_list(kind: Kind, namespace: &str, item: &Item) -> Value {
    if kind == Kind::Tag { json!({"name": item.name}) } else { one(kind, namespace, item) }
}

pub(super) fn namespace(namespace: &Namespace) -> Value {
    let mut shown = json!({
        "namespace": namespace.name,
        "visibility": if namespace.is_public { "public" } else { "private" },
        "protected": namespace.protected,
        "owner": namespace.owner,
        "created_at": time(namespace.created_ms),
        "updated_at": time(namespace.updated_ms),
        "self": href(&namespace.name),
        "schema": "/v2/schemas/metadefs/namespace",
    });
    for (name, value) in [("display_name", &namespace.display_name), ("description", &namespace.description)] {
        if let Some(value) = value {
            shown[name] = value.clone().into();
        }
    }
    shown
}

/// A namespace in a list: with the resource types it is about.
pub(super) fn listed(of: &Namespace, types: &[Item]) -> Value {
    let mut shown = namespace(of);
    if !types.is_empty() {
        shown["resource_type_associations"] = types.iter().map(item).collect();
    }
    shown
}

/// A namespace with all that is in it.
pub(super) fn whole(of: &Namespace, items: &[Item]) -> Value {
    let of_kind = |kind: Kind| items.iter().filter(|item| item.kind == kind).cloned().collect::<Vec<_>>();
    let mut shown = listed(of, &of_kind(Kind::ResourceType));
    let objects: Vec<Value> = of_kind(Kind::Object).iter().map(|item| object(&of.name, item)).collect();
    if !objects.is_empty() {
        shown["objects"] = objects.into();
    }
    let found = of_kind(Kind::Property);
    if !found.is_empty() {
        shown["properties"] = properties(&found);
    }
    let found = of_kind(Kind::Tag);
    if !found.is_empty() {
        shown["tags"] = tags(&found);
    }
    shown
}

/// Gives every property the name it has on a resource type.
pub(super) fn prefix(shown: &mut Value, items: &[Item], on: &str) {
    let of = items.iter().find(|item| item.kind == Kind::ResourceType && item.name == on);
    let prefix = of.map(prefix_of).unwrap_or_default();
    let renamed = |properties: &mut Value| {
        if let Some(names) = properties.as_object_mut() {
            *names =
                std::mem::take(names).into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)).collect();
        }
    };
    renamed(&mut shown["properties"]);
    for object in shown["objects"].as_array_mut().into_iter().flatten() {
        renamed(&mut object["properties"]);
        for name in object["required"].as_array_mut().into_iter().flatten() {
            if let Some(bare) = name.as_str() {
                *name = format!("{prefix}{bare}").into();
            }
        }
    }
    if let Some(shown) = shown.as_object_mut() {
        shown.retain(|_, value| !value.is_null());
    }
}

/// A tag or an association: its name, what it says, its times.
pub(super) fn item(item: &Item) -> Value {
    let mut shown = body(item);
    shown.insert("name".into(), item.name.clone().into());
    shown.insert("created_at".into(), time(item.created_ms).into());
    shown.insert("updated_at".into(), time(item.updated_ms).into());
    Value::Object(shown)
}

fn object(namespace: &str, of: &Item) -> Value {
    let mut shown = item(of);
    shown["self"] = item_href(Kind::Object, namespace, &of.name).into();
    shown["schema"] = "/v2/schemas/metadefs/object".into();
    shown
}

fn property(item: &Item) -> Value {
    let mut shown = body(item);
    shown.insert("name".into(), item.name.clone().into());
    Value::Object(shown)
}

/// Properties by their names.
pub(super) fn properties(items: &[Item]) -> Value {
    Value::Object(items.iter().map(|item| (item.name.clone(), Value::Object(body(item)))).collect())
}

pub(super) fn tags(items: &[Item]) -> Value {
    items.iter().map(|item| json!({"name": item.name})).collect()
}

pub(super) fn resource_type(of: &ResourceType) -> Value {
    json!({"name": of.name, "created_at": time(of.created_ms), "updated_at": time(of.updated_ms)})
}

fn body(item: &Item) -> Map<String, Value> {
    serde_json::from_str(&item.body).unwrap_or_default()
}

fn time(ms: i64) -> String {
    String::from_utf8_lossy(&seconds(ms)).into_owned()
}
