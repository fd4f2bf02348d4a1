//! The actions that make another of a server: `rebuild` and `resize`.

use serde_json::Value;

use super::{body::Fields, hosts, launch, microversion::Microversion, servers};
use crate::{
    error::{Error, Result},
    ids::ImageId,
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

/// The image of a rescue, if one is named; and the administrator's password, given or made.
pub(super) fn rescue(argument: Value) -> Result<(Option<ImageId>, String)> {
    if argument.is_null() {
        return Ok((None, launch::password()));
    }
    let mut fields = Fields::of(argument, "rescue")?;
    let image = fields.text("rescue_image_ref", 1024)?.map(|image| launch::image_ref(&image)).transpose()?;
    let password = fields.text("adminPass", 255)?.unwrap_or_else(launch::password);
    fields.done()?;
    Ok((image, password))
}

/// The place that a shelved server is to come back to: there is one.
pub(super) fn unshelve(argument: Value, version: Microversion) -> Result<()> {
    if argument.is_null() || !version.since(77) {
        return Ok(());
    }
    let mut fields = Fields::of(argument, "unshelve")?;
    let zone = match version.since(91) && fields.has_null("availability_zone") {
        true => {
            fields.take_with_null("availability_zone");
            None
        }
        false => fields.text("availability_zone", 255)?,
    };
    if let Some(zone) = zone.filter(|zone| zone != hosts::ZONE) {
        return Err(Error::Invalid(format!(
            "The requested availability zone {zone} is not available: there is {}.",
            hosts::ZONE
        )));
    }
    if version.since(91) && fields.take("host").is_some() {
        return Err(Error::Invalid("A server cannot be unshelved to a named host: there is one host.".into()));
    }
    fields.done()
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
