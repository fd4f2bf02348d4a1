//! JSON patch in both of Glance's forms, read into changes.

use axum::http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};

use crate::{
    api::error::{Answer, ApiError},
    error::{Error, Result},
    images::Change,
};

/// Changes in one request. An honest client needs no more: an image has 128 properties.
const MAX_CHANGES: usize = 1024;

/// Reads one operation's verb and path.
type Reading = fn(&Map<String, Value>) -> Result<(String, String)>;

/// Reads the body of a `PATCH`.
///
/// # Errors
/// 415 for another media type, 400 for a body that is not a patch of an image, 403 for a read-only attribute.
pub(super) fn parse(content_type: Option<&HeaderValue>, body: Value) -> Answer<Vec<Change>> {
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let read: Reading = match media_type {
        "application/openstack-images-v2.1-json-patch" => operation_of_21,
        "application/openstack-images-v2.0-json-patch" => operation_of_20,
        _ => {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "An image is changed with a JSON patch: send Content-Type \
                 application/openstack-images-v2.1-json-patch.",
            ));
        }
    };
    let Value::Array(operations) = body else {
        return Err(Error::Invalid("Request body must be a JSON array of operation objects.".into()).into());
    };
    if operations.len() > MAX_CHANGES {
        return Err(Error::TooLarge(format!("A patch has at most {MAX_CHANGES} operations.")).into());
    }
    let changes = operations.into_iter().map(|operation| {
        let Value::Object(mut operation) = operation else {
            return Err(Error::Invalid("Operations must be JSON objects.".into()).into());
        };
        let (op, path) = read(&operation)?;
        if op == "add" && path.starts_with("/locations/") {
            return Err(super::info::locations());
        }
        Ok(change(&op, &path, operation.remove("value"))?)
    });
    changes.collect()
}

/// `{"op": "replace", "path": "/name", "value": …}`
fn operation_of_21(operation: &Map<String, Value>) -> Result<(String, String)> {
    let text = |name: &str| match operation.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(Error::Invalid(format!("Operation objects must have a string member '{name}'."))),
    };
    Ok((text("op")?, text("path")?))
}

/// `{"replace": "/name", "value": …}`
fn operation_of_20(operation: &Map<String, Value>) -> Result<(String, String)> {
    let mut named = operation.iter().filter(|(name, _)| ["add", "replace", "remove"].contains(&name.as_str()));
    match (named.next(), named.next()) {
        (Some((op, Value::String(path))), None) => Ok((op.clone(), path.clone())),
        _ => Err(Error::Invalid(
            "Operation objects must contain exactly one member named \"add\", \"remove\" or \"replace\".".into(),
        )),
    }
}

fn change(op: &str, path: &str, value: Option<Value>) -> Result<Change> {
    let name = attribute(path)?;
    let value =
        || value.ok_or_else(|| Error::Invalid(format!("Operation \"{op}\" requires a member named \"value\".")));
    match op {
        "add" => Ok(Change::Add(name, value()?)),
        "replace" => Ok(Change::Replace(name, value()?)),
        "remove" => Ok(Change::Remove(name)),
        _ => Err(Error::Invalid("Operations must be one of \"add\", \"remove\", \"replace\".".into())),
    }
}

/// The attribute that a JSON pointer (RFC 6901) names: one step from the top.
fn attribute(path: &str) -> Result<String> {
    let bad = |why: &str| {
        let shown: String = path.chars().take(64).collect();
        Error::Invalid(format!("Pointer `{shown}` {why}."))
    };
    let rest = path.strip_prefix('/').ok_or_else(|| bad("does not start with \"/\""))?;
    if rest == "locations" || rest.starts_with("locations/") {
        return Err(Error::Forbidden(
            "Attribute 'locations' is read-only: the service decides where it keeps an image's bytes.".into(),
        ));
    }
    if rest.contains('/') {
        return Err(bad("names no attribute of an image, e.g. /name or /my_property; a slash in a name is ~1"));
    }
    let mut name = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        name.push(match (character, character == '~') {
            (_, true) => match characters.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(bad("contains \"~\" not part of a recognized escape sequence")),
            },
            (character, false) => character,
        });
    }
    if name.is_empty() {
        return Err(bad("names nothing"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const V21: &str = "application/openstack-images-v2.1-json-patch";
    const V20: &str = "application/openstack-images-v2.0-json-patch; charset=utf-8";

    fn read(media_type: &'static str, body: Value) -> Result<Vec<Change>, u16> {
        let header = HeaderValue::from_static(media_type);
        parse(Some(&header), body).map_err(|error| error.status.as_u16())
    }

    #[test]
    fn both_forms_are_read() {
        let changes = vec![Change::Replace("name".into(), json!("x")), Change::Remove("a/b~c".into())];
        let v21 = json!([{"op": "replace", "path": "/name", "value": "x"}, {"op": "remove", "path": "/a~1b~0c"}]);
        assert_eq!(read(V21, v21), Ok(changes.clone()));
        assert_eq!(read(V20, json!([{"replace": "/name", "value": "x"}, {"remove": "/a~1b~0c"}])), Ok(changes));
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        let one = |op: Value| read(V21, json!([op])).expect_err("refused");
        assert_eq!(read("application/json", json!([])), Err(415));
        assert_eq!(read(V21, json!({"op": "add"})), Err(400));
        assert_eq!(one(json!("add")), 400);
        assert_eq!(one(json!({"op": "move", "path": "/a", "from": "/b"})), 400);
        assert_eq!(one(json!({"op": "add", "path": "/a"})), 400);
        assert_eq!(one(json!({"op": "add", "path": "a", "value": "b"})), 400);
        assert_eq!(one(json!({"op": "add", "path": "/a/b", "value": "c"})), 400);
        assert_eq!(one(json!({"op": "add", "path": "/a~2", "value": "c"})), 400);
        assert_eq!(one(json!({"op": "add", "path": "/", "value": "c"})), 400);
        assert_eq!(one(json!({"op": "add", "path": "/locations/-", "value": {"url": "file:///etc/passwd"}})), 501);
        assert_eq!(one(json!({"op": "replace", "path": "/locations", "value": []})), 403);
        assert_eq!(one(json!({"op": "remove", "path": "/locations/0"})), 403);
        assert_eq!(read(V20, json!([{"add": "/a", "remove": "/b", "value": "c"}])), Err(400));
    }
}
