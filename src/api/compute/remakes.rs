//! The actions that make another of a server: `rebuild` and `resize`.

use serde_json::Value;

use super::{body::Fields, launch, microversion::Microversion, servers};
use crate::{
    error::{Error, Result},
    instances::Rebuild,
};

/// A rebuild, read; and the administrator's password, given or made.
pub(super) fn rebuild(argument: Value, version: Microversion) -> Result<(Rebuild, String)> {
    let mut fields = Fields::of(argument, "rebuild")?;
    let image = launch::image_ref(&fields.required_text("imageRef", 1024)?)?;
    let password = fields.text("adminPass", 255)?.unwrap_or_else(launch::password);
    let metadata = fields.take("metadata").map(launch::metadata).transpose()?;
    let key_name = match version.since(54).then(|| fields.take_with_null("key_name")).flatten() {
        None => None,
        Some(Value::Null) => Some(None),
        Some(Value::String(name)) => Some(Some(name)),
        Some(value) => return Err(fields.invalid("key_name", &value, "the name of a key pair, or null")),
    };
    // Null takes the data away, and is no text.
    let user_data = match version.since(57).then(|| fields.has_null("user_data")) {
        None => None,
        Some(true) => {
            fields.take_with_null("user_data");
            Some(None)
        }
        Some(false) => launch::user_data(&mut fields)?.map(Some),
    };
    let files = match fields.has("personality") {
        true => Some(launch::files(&mut fields, version)?),
        false => None,
    };
    // There are neither ephemeral disks nor volumes.
    fields.flag("preserve_ephemeral")?;
    if version.since(93) {
        fields.flag("reimage_boot_volume")?;
    }
    if version.since(63) && fields.take("trusted_image_certificates").is_some() {
        return Err(launch::no_signatures());
    }
    let changes = servers::changes(fields, version)?;
    Ok((Rebuild { image, changes, metadata, key_name, user_data, files }, password))
}

/// The id of the flavor of a resize.
pub(super) fn resize(argument: Value) -> Result<String> {
    let mut fields = Fields::of(argument, "resize")?;
    let flavor = launch::flavor(&mut fields)?;
    fields.text("OS-DCF:diskConfig", 16)?;
    fields.done()?;
    Ok(flavor)
}

/// An action that takes nothing: Nova's clients send `null`.
pub(super) fn nothing(argument: &Value, action: &str) -> Result<()> {
    match argument {
        Value::Null => Ok(()),
        Value::Object(fields) if fields.is_empty() => Ok(()),
        _ => {
            Err(Error::Invalid(format!("Invalid input for {action}: it takes no argument, so that its value is null.")))
        }
    }
}
