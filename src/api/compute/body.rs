//! Request bodies: one JSON object under one word, every field of it known.
//!
//! Nova refuses a field it does not know at the microversion asked for; so does this, because a field that is
//! accepted and ignored would be a broken promise.

use axum::{
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use serde_json::{Map, Value};

use crate::{
    api::{
        Api, body,
        error::{Answer, ApiError},
    },
    error::{Error, Result},
};

/// The JSON of a request; `null` when it has no body.
pub(super) struct Body(pub Value);

impl FromRequest<Api> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, rooms: &Api) -> Answer<Body> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
        let bytes = body::whole(request, rooms).await?;
        if bytes.is_empty() {
            return Ok(Body(Value::Null));
        }
        if !["", "application/json", "text/plain"].contains(&&*kind) {
            let message = format!("Content type {kind} is not supported; send application/json.");
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        serde_json::from_slice(&bytes).map(Body).map_err(|error| {
            let message = format!("Malformed request body: it is not valid JSON ({error}).");
            ApiError::new(StatusCode::BAD_REQUEST, message)
        })
    }
}

/// The fields of one object of a body; each is taken once, and what is left at the end was not known.
pub(super) struct Fields {
    /// The object's name, for messages: `server`, `flavor`.
    what: String,
    fields: Map<String, Value>,
}

impl Fields {
    /// The object under `what`: `{"server": {…}}`; other words beside it only from `beside`.
    pub(super) fn under(body: Value, what: &str, beside: &[&str]) -> Result<Fields> {
        let Value::Object(mut map) = body else { return Err(wants_object(what)) };
        let inner = map.remove(what);
        if let Some(stranger) = map.keys().find(|key| !beside.contains(&key.as_str())) {
            return Err(unexpected("the request", stranger));
        }
        match inner {
            Some(Value::Object(fields)) => Ok(Fields { what: what.into(), fields }),
            _ => Err(wants_object(what)),
        }
    }

    /// The fields of `value`, which messages call `what`.
    pub(super) fn of(value: Value, what: &str) -> Result<Fields> {
        match value {
            Value::Object(fields) => Ok(Fields { what: what.into(), fields }),
            _ => Err(Error::Invalid(format!("{what} must be a JSON object."))),
        }
    }

    /// A field as it came; a `null` counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a field came, with a value that is not `null`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether a field came as `null`.
    pub(super) fn has_null(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(Value::is_null)
    }

    /// A field as it came, `null` too.
    pub(super) fn take_with_null(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    /// A text of at most `longest` characters.
    pub(super) fn text(&mut self, name: &str, longest: usize) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.chars().count() <= longest => Ok(Some(text)),
            Some(value) => Err(self.invalid(name, &value, &format!("a text of at most {longest} characters"))),
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(&mut self, name: &str, longest: usize) -> Result<String> {
        self.text(name, longest)?.ok_or_else(|| self.missing(name))
    }

    /// A name: 1 to 255 printable characters, blanks at its ends cut off.
    pub(super) fn name(&mut self, name: &str) -> Result<Option<String>> {
        let Some(text) = self.text(name, 255)? else { return Ok(None) };
        let text = text.trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(self.invalid(name, &text.into(), "a name of 1 to 255 printable characters"));
        }
        Ok(Some(text.to_owned()))
    }

    /// A whole number of at least `least`, as a number or as digits (Nova takes both).
    pub(super) fn number(&mut self, name: &str, least: u64) -> Result<Option<u64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        match number.filter(|number| (least..=0x7fff_ffff).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.invalid(name, &value, &format!("a whole number of at least {least}"))),
        }
    }

    /// A flag, as a boolean or in one of the words Nova takes for one.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.as_bool().or_else(|| value.as_str().and_then(flag)) {
            Some(flag) => Ok(Some(flag)),
            None => Err(self.invalid(name, &value, "true or false")),
        }
    }

    /// Ends the reading: a field that was not taken is an error that names it.
    pub(super) fn done(self) -> Result<()> {
        match self.fields.keys().next() {
            Some(stranger) => Err(unexpected(&self.what, stranger)),
            None => Ok(()),
        }
    }

    /// The error for a field that must be there.
    pub(super) fn missing(&self, name: &str) -> Error {
        Error::Invalid(format!("Invalid input for {}: '{name}' is a required property.", self.what))
    }

    /// The error for a value that does not fit its field.
    pub(super) fn invalid(&self, name: &str, value: &Value, wanted: &str) -> Error {
        Error::Invalid(format!(
            "Invalid input for field/attribute {name}. Value: {}. It must be {wanted}.",
            short(value)
        ))
    }
}

/// The flag in one of Nova's words (oslo's `bool_from_string`, strict).
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "on" | "y" | "yes" => Some(true),
        "0" | "f" | "false" | "off" | "n" | "no" => Some(false),
        _ => None,
    }
}

fn unexpected(what: &str, field: &str) -> Error {
    let field: String = field.chars().take(80).collect();
    Error::Invalid(format!(
        "Invalid input for {what}: Additional properties are not allowed ('{field}' was unexpected at this microversion)."
    ))
}

fn wants_object(what: &str) -> Error {
    Error::Invalid(format!("The request must be a JSON object with '{what}', itself an object."))
}

/// A value as a message repeats it: not longer than a line.
fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
