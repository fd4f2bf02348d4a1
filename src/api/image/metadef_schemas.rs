//! The schemas of metadata definitions.

use serde_json::{Map, Value, json};

/// The schema of this name below `metadefs/`.
pub(super) fn schema(name: &str) -> Option<Value> {
    Some(match name {
        "namespace" => namespace(),
        "namespaces" => collection("namespaces", json!({"type": "array", "items": namespace()})),
        "object" => object(),
        "objects" => collection("objects", json!({"type": "array", "items": object()})),
        "property" => property(&["name", "title", "type"]),
        "properties" => {
            let by_name = json!({"type": "object", "additionalProperties": property(&["title", "type"])});
            collection("properties", by_name)
        }
        "tag" => tag(),
        "tags" => collection("tags", json!({"type": "array", "items": tag()})),
        "resource_type" => association(),
        "resource_types" => {
            let associations = json!({"type": "array", "items": association()});
            collection("resource_type_associations", associations)
        }
        _ => return None,
    })
}

fn collection(name: &str, all: Value) -> Value {
    let mut properties = Map::new();
    properties.insert(name.into(), all);
    for link in ["schema", "next", "first"] {
        properties.insert(link.into(), json!({"type": "string"}));
    }
    json!({
        "name": name,
        "definitions": definitions(),
        "properties": properties,
        "links": [{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"},
                  {"rel": "describedby", "href": "{schema}"}],
    })
}

fn text(max: u32, description: &str) -> Value {
    json!({"type": "string", "maxLength": max, "description": description})
}

fn read_only(description: &str) -> Value {
    json!({"type": "string", "readOnly": true, "description": description})
}

fn time(description: &str) -> Value {
    json!({"type": "string", "readOnly": true, "format": "date-time", "description": description})
}

/// The schema of a property, wherever one is.
fn fields() -> Value {
    let types = json!(["array", "boolean", "integer", "number", "object", "string", null]);
    let count = || json!({"$ref": "#/definitions/positiveInteger"});
    let count_from_0 = || json!({"$ref": "#/definitions/positiveIntegerDefault0"});
    json!({
        "name": {"type": "string", "maxLength": 80},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "operators": {"type": "array", "items": {"type": "string"}},
        "type": {"type": "string", "enum": types},
        "required": {"$ref": "#/definitions/stringArray"},
        "minimum": {"type": "number"},
        "maximum": {"type": "number"},
        "maxLength": count(),
        "minLength": count_from_0(),
        "pattern": {"type": "string", "format": "regex"},
        "enum": {"type": "array"},
        "readonly": {"type": "boolean"},
        "default": {},
        "items": {"type": "object", "properties": {"type": {"type": "string", "enum": types}, "enum": {"type": "array"}}},
        "maxItems": count(),
        "minItems": count_from_0(),
        "uniqueItems": {"type": "boolean", "default": false},
        "additionalItems": {"type": "boolean"},
    })
}

fn definitions() -> Value {
    json!({
        "positiveInteger": {"type": "integer", "minimum": 0},
        "positiveIntegerDefault0": {"allOf": [{"$ref": "#/definitions/positiveInteger"}, {"default": 0}]},
        "stringArray": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
        "property": {"type": "object", "additionalProperties": {
            "type": "object", "required": ["title", "type"], "properties": fields(),
        }},
    })
}

fn property(required: &[&str]) -> Value {
    json!({
        "name": "property", "definitions": definitions(), "properties": fields(), "required": required,
        "additionalProperties": false,
    })
}

fn object() -> Value {
    json!({
        "name": "object",
        "definitions": definitions(),
        "properties": {
            "name": text(80, "What the group is called"),
            "description": {"type": "string", "description": "What its properties have in common"},
            "required": {"$ref": "#/definitions/stringArray"},
            "properties": {"$ref": "#/definitions/property"},
            "schema": read_only("An object schema url"),
            "self": read_only("An object self url"),
            "created_at": time("Date and time of object creation"),
            "updated_at": time("Date and time of the last object modification"),
        },
        "required": ["name"],
        "additionalProperties": false,
    })
}

fn tag() -> Value {
    json!({
        "name": "tag",
        "properties": {
            "name": text(80, "The word"),
            "created_at": time("Date and time of tag creation"),
            "updated_at": time("Date and time of the last tag modification"),
        },
        "required": ["name"],
        "additionalProperties": false,
    })
}

fn association() -> Value {
    json!({
        "name": "resource_type_association",
        "properties": {
            "name": text(80, "The resource type, as Heat calls it, e.g. OS::Glance::Image"),
            "prefix": text(80, "What the properties' names begin with on this type, its separator included"),
            "properties_target": text(80, "Which of a resource's sets of properties they go to, where it has several"),
            "created_at": time("Date and time of resource type association"),
            "updated_at": time("Date and time of the last resource type association modification"),
        },
        "required": ["name"],
        "additionalProperties": false,
    })
}

fn namespace() -> Value {
    let inside = |properties: Value| json!({"type": "array", "items": {"type": "object", "properties": properties}});
    let string = || json!({"type": "string"});
    json!({
        "name": "namespace",
        "definitions": definitions(),
        "properties": {
            "namespace": text(80, "The unique name"),
            "display_name": text(80, "What people call it"),
            "description": text(500, "What it is about"),
            "visibility": {"type": "string", "enum": ["public", "private"], "description": "Who sees it"},
            "protected": {"type": "boolean", "description": "If true, the namespace cannot be deleted"},
            "owner": text(255, "The project it belongs to"),
            "created_at": time("Date and time of namespace creation"),
            "updated_at": time("Date and time of the last namespace modification"),
            "schema": read_only("A namespace schema url"),
            "self": read_only("A namespace self url"),
            "resource_type_associations":
                inside(json!({"name": string(), "prefix": string(), "properties_target": string()})),
            "properties": {"$ref": "#/definitions/property"},
            "objects": inside(json!({
                "name": string(), "description": string(), "required": {"$ref": "#/definitions/stringArray"},
                "properties": {"$ref": "#/definitions/property"},
            })),
            "tags": inside(json!({"name": string()})),
        },
        "required": ["namespace"],
        "additionalProperties": false,
    })
}
