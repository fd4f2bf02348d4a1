//! Checks of definitions, by the schemas that the API shows.

use serde_json::{Map, Value};

use super::{Item, Kind, Namespace};
use crate::{
    error::{Error, Result},
    identity::Caller,
};

/// Characters of a name (Glance's columns).
const MAX_NAME: usize = 80;
/// Characters of a namespace's description (Glance's column).
const MAX_DESCRIPTION: usize = 500;
/// Bytes of an object or property.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The types that a property may have.
const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// The attributes that only the service sets.
const READ_ONLY: [&str; 4] = ["self", "schema", "created_at", "updated_at"];

type Body = Map<String, Value>;

/// Reads a namespace and its first definitions.
pub(super) fn namespace(caller: &Caller, mut body: Body, now_ms: i64) -> Result<(Namespace, Vec<Item>)> {
    refuse_read_only(&body)?;
    let name = text(&mut body, "namespace", MAX_NAME)?.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::Invalid("'namespace' is a required property".into()))?;
    if name.contains('/') {
        return Err(Error::Invalid("A namespace's name must not contain a slash: it is a part of URLs.".into()));
    }
    let is_public = match text(&mut body, "visibility", MAX_NAME)?.as_deref() {
        Some("public") => true,
        Some("private") | None => false,
        Some(_) => return Err(Error::Invalid("visibility must be public or private".into())),
    };
    let protected = match body.remove("protected") {
        None | Some(Value::Null) => false,
        Some(value) => value.as_bool().ok_or_else(|| Error::Invalid("protected must be true or false".into()))?,
    };
    let own = caller.project.as_ref().map(|project| project.id);
    let owner = match text(&mut body, "owner", 255)? {
        Some(owner) => Some(owner.parse().map_err(|_| Error::Invalid("owner must be a project's id".into()))?),
        None => own,
    };
    let owner = owner.ok_or_else(|| Error::Forbidden("Use a token that is scoped to a project.".into()))?;
    let (display_name, description) =
        (text(&mut body, "display_name", MAX_NAME)?, text(&mut body, "description", MAX_DESCRIPTION)?);
    let mut inside = Vec::new();
    for (field, kind) in
        [("objects", Kind::Object), ("tags", Kind::Tag), ("resource_type_associations", Kind::ResourceType)]
    {
        match body.remove(field) {
            None | Some(Value::Null) => {}
            Some(list) => inside.extend(items(kind, objects(field, list)?, now_ms)?),
        }
    }
    inside.extend(properties(body.remove("properties"), now_ms)?);
    refuse_unknown(&body, &[])?;
    let (created_ms, updated_ms) = (now_ms, now_ms);
    let namespace = Namespace { name, display_name, description, is_public, protected, owner, created_ms, updated_ms };
    Ok((namespace, inside))
}

/// Reads things of one kind; no two may have one name.
pub(super) fn items(kind: Kind, bodies: Vec<Body>, now_ms: i64) -> Result<Vec<Item>> {
    let items: Vec<Item> = bodies.into_iter().map(|body| item(kind, body, now_ms)).collect::<Result<_>>()?;
    let mut names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::Conflict(format!("The name '{}' occurs twice.", pair[0]))),
        None => Ok(items),
    }
}

/// Reads one thing.
pub(super) fn item(kind: Kind, mut body: Body, now_ms: i64) -> Result<Item> {
    // Clients send back what they were shown.
    if kind == Kind::Object || kind == Kind::ResourceType || kind == Kind::Tag {
        refuse_read_only(&body)?;
    }
    let name = text(&mut body, "name", MAX_NAME)?.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::Invalid("'name' is a required property".into()))?;
    match kind {
        Kind::Tag => refuse_unknown(&body, &[])?,
        Kind::Property => schema(&body)?,
        Kind::ResourceType => {
            for field in ["prefix", "properties_target"] {
                if let Some(value) = text(&mut body, field, MAX_NAME)? {
                    body.insert(field.into(), value.into());
                }
            }
            refuse_unknown(&body, &["prefix", "properties_target"])?;
        }
        Kind::Object => {
            if let Some(description) = text(&mut body, "description", MAX_BODY_BYTES)? {
                body.insert("description".into(), description.into());
            }
            strings(&body, "required")?;
            properties(body.get("properties").cloned(), now_ms)?;
            refuse_unknown(&body, &["description", "required", "properties"])?;
        }
    }
    body.retain(|_, value| !value.is_null());
    let body = serde_json::to_string(&body).map_err(Error::internal)?;
    if body.len() > MAX_BODY_BYTES {
        return Err(Error::TooLarge(format!("A definition has {MAX_BODY_BYTES} bytes at most.")));
    }
    Ok(Item { kind, name, body, created_ms: now_ms, updated_ms: now_ms })
}

/// Reads properties as an object holds them: by name.
fn properties(value: Option<Value>, now_ms: i64) -> Result<Vec<Item>> {
    let properties = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err(Error::Invalid("properties must be an object of schemas, by name".into())),
    };
    let read = |(name, value): (String, Value)| match value {
        Value::Object(mut body) => {
            body.insert("name".into(), name.into());
            item(Kind::Property, body, now_ms)
        }
        _ => Err(Error::Invalid(format!("the property {name} is not an object"))),
    };
    properties.into_iter().map(read).collect()
}

/// Checks that a property is described as the schema of properties says.
fn schema(body: &Body) -> Result<()> {
    let known = [
        "title",
        "type",
        "description",
        "operators",
        "required",
        "minimum",
        "maximum",
        "maxLength",
        "minLength",
        "pattern",
        "enum",
        "readonly",
        "default",
        "items",
        "maxItems",
        "minItems",
        "uniqueItems",
        "additionalItems",
    ];
    refuse_unknown(body, &known)?;
    let bad = |field: &str, what: &str| Error::Invalid(format!("a property's {field} {what}"));
    if !body.get("title").is_some_and(Value::is_string) {
        return Err(Error::Invalid("'title' is a required property, a string".into()));
    }
    match body.get("type").and_then(Value::as_str) {
        Some(kind) if TYPES.contains(&kind) => {}
        _ => return Err(Error::Invalid(format!("'type' is a required property, one of {}", TYPES.join(", ")))),
    }
    for field in ["operators", "required"] {
        strings(body, field)?;
    }
    for (field, value) in body.iter().filter(|(_, value)| !value.is_null()) {
        let (is_right, what) = match field.as_str() {
            "description" | "pattern" => (value.is_string(), "must be a string"),
            "minimum" | "maximum" => (value.is_number(), "must be a number"),
            "maxLength" | "minLength" | "maxItems" | "minItems" => {
                (value.is_u64(), "must be a whole number of at least 0")
            }
            "enum" => (value.is_array(), "must be a list"),
            "readonly" | "uniqueItems" | "additionalItems" => (value.is_boolean(), "must be true or false"),
            "items" => (value.is_object(), "must be an object"),
            _ => (true, ""),
        };
        if !is_right {
            return Err(bad(field, what));
        }
    }
    Ok(())
}

fn text(body: &mut Body, field: &str, max: usize) -> Result<Option<String>> {
    match body.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= max && !text.contains('\0') => Ok(Some(text)),
        Some(_) => Err(Error::Invalid(format!("{field} must be a string of at most {max} characters"))),
    }
}

fn strings(body: &Body, field: &str) -> Result<()> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => Ok(()),
        Some(_) => Err(Error::Invalid(format!("{field} must be a list of strings"))),
    }
}

fn objects(field: &str, list: Value) -> Result<Vec<Body>> {
    serde_json::from_value(list).map_err(|_| Error::Invalid(format!("{field} must be a list of objects")))
}

fn refuse_read_only(body: &Body) -> Result<()> {
    match READ_ONLY.iter().find(|name| body.contains_key(**name)) {
        Some(name) => Err(Error::Forbidden(format!("Attribute '{name}' is read-only."))),
        None => Ok(()),
    }
}

fn refuse_unknown(body: &Body, known: &[&str]) -> Result<()> {
    match body.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            let shown: String = name.chars().take(64).collect();
            Err(Error::Invalid(format!("Additional properties are not allowed ('{shown}' was unexpected)")))
        }
        None => Ok(()),
    }
}
