//! An image's attributes: which there are, who may set them, and what they may say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Image, Status, Visibility};
use crate::{
    config::SharingScope,
    error::{Error, Result},
    identity::{Caller, image_policy},
    ids::{ImageId, ProjectId},
    model::image::{Properties, Tags},
};

/// The attributes that a client sent for an image, by name.
pub type Attributes = Map<String, Value>;

/// Properties of an image (Glance: `image_property_quota`).
pub const MAX_PROPERTIES: usize = 128;
/// Tags of an image (Glance: `image_tag_quota`).
pub const MAX_TAGS: usize = 128;
/// Projects an image is shared with (Glance: `image_member_quota`).
pub const MAX_MEMBERS: usize = 128;
/// Characters of names, tags and property names (Glance's columns).
pub(super) const MAX_NAME: usize = 255;
/// Characters of a property's value (Glance's column).
const MAX_VALUE: usize = 65_535;

/// Bytes of the names and values of all properties together: a list has a thousand images.
const MAX_PROPERTIES_BYTES: usize = 256 << 10;

/// The words OpenStack has for the formats of files. Which of them are accepted is said when bytes come.
pub const DISK_FORMATS: [&str; 11] =
    ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "ploop", "iso"];
/// The words OpenStack has for what is around a file.
pub const CONTAINER_FORMATS: [&str; 8] = ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"];

/// The attributes that are not properties.
pub const BASE_ATTRIBUTES: [&str; 26] = [
    "id",
    "name",
    "status",
    "visibility",
    "os_hidden",
    "protected",
    "disk_format",
    "container_format",
    "min_disk",
    "min_ram",
    "owner",
    "size",
    "virtual_size",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "tags",
    "created_at",
    "updated_at",
    "self",
    "file",
    "schema",
    "locations",
    "direct_url",
    "stores",
    "deleted",
];

/// Attributes that nobody sets.
const READ_ONLY: [&str; 17] = [
    "status",
    "size",
    "virtual_size",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "created_at",
    "updated_at",
    "self",
    "file",
    "schema",
    "locations",
    "direct_url",
    "stores",
    "deleted",
    "deleted_at",
    "id",
];

/// A new image of the caller's project with these attributes.
pub(super) fn new_image(
    caller: &Caller,
    mut attributes: Attributes,
    sharing: SharingScope,
    now_ms: i64,
) -> Result<Image> {
    let Some(project) = &caller.project else {
        return Err(Error::Forbidden("An image needs a project: use a token that is scoped to one.".into()));
    };
    let id = match attributes.remove("id") {
        None => ImageId::new(),
        Some(Value::String(id)) => id.parse().map_err(|_| invalid("id", "must be a UUID"))?,
        Some(_) => return Err(invalid("id", "must be a UUID")),
    };
    let mut image = Image::new(id, project.id, now_ms);
    let mut properties = BTreeMap::new();
    for (name, value) in attributes {
        if is_attribute(&name) {
            set_attribute(caller, &mut image, &name, value, sharing)?;
        } else {
            // Clients send null for a property they leave open; it says nothing.
            if !value.is_null() {
                set_property(&mut properties, &name, value)?;
            }
        }
    }
    write_properties(&mut image, &properties)?;
    Ok(image)
}

/// Whether this names an attribute and not a property.
pub(super) fn is_attribute(name: &str) -> bool {
    BASE_ATTRIBUTES.contains(&name) || READ_ONLY.contains(&name)
}

/// Refuses names that nobody sets.
pub(super) fn refuse_read_only(name: &str) -> Result<()> {
    if READ_ONLY.contains(&name) {
        return Err(Error::Forbidden(format!("Attribute '{name}' is read-only.")));
    }
    if name.starts_with("os_glance") {
        return Err(Error::Forbidden(format!("Attribute '{name}' is reserved.")));
    }
    Ok(())
}

/// Sets an attribute.
pub(super) fn set_attribute(
    caller: &Caller,
    image: &mut Image,
    name: &str,
    value: Value,
    sharing: SharingScope,
) -> Result<()> {
    refuse_read_only(name)?;
    match name {
        "name" => image.name = optional_text(name, value)?,
        "visibility" => image.visibility = visibility(caller, image.visibility, value, sharing)?,
        "os_hidden" => image.hidden = flag(name, &value)?,
        "protected" => image.protected = flag(name, &value)?,
        "disk_format" => image.disk_format = format(image, name, value, &DISK_FORMATS)?,
        "container_format" => image.container_format = format(image, name, value, &CONTAINER_FORMATS)?,
        "min_disk" => image.min_disk_gib = number(name, &value)?,
        "min_ram" => image.min_ram_mib = number(name, &value)?,
        "owner" => image.owner = owner(caller, image.owner, &value)?,
        "tags" => set_tags(image, tag_list(value)?)?,
        _ => return Err(Error::Forbidden(format!("Attribute '{name}' is read-only."))),
    }
    Ok(())
}

/// Sets a property.
pub(super) fn set_property(properties: &mut BTreeMap<String, String>, name: &str, value: Value) -> Result<()> {
    refuse_read_only(name)?;
    let Value::String(value) = value else { return Err(invalid(name, "must be a string, as every property is")) };
    check_text(name, name, MAX_NAME)?;
    if name.is_empty() {
        return Err(Error::Invalid("the name of a property must not be empty".into()));
    }
    check_text(name, &value, MAX_VALUE)?;
    properties.insert(name.to_owned(), value);
    if properties.len() > MAX_PROPERTIES {
        return Err(Error::TooLarge(format!("an image can have at most {MAX_PROPERTIES} properties")));
    }
    Ok(())
}

/// The image's properties.
pub(super) fn properties_of(image: &Image) -> Result<BTreeMap<String, String>> {
    image.properties.read()
}

/// Puts the properties into the record.
///
/// # Errors
/// `TooLarge` when they are more bytes together than an image may have.
pub(super) fn write_properties(image: &mut Image, properties: &BTreeMap<String, String>) -> Result<()> {
    let bytes: usize = properties.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_PROPERTIES_BYTES {
        return Err(Error::TooLarge(format!(
            "The properties of an image may have {MAX_PROPERTIES_BYTES} bytes together, and these have {bytes}: shorten \
             their values."
        )));
    }
    image.properties = Properties::of(properties);
    Ok(())
}

/// The image's tags.
pub(super) fn tags_of(image: &Image) -> Result<BTreeSet<String>> {
    image.tags.read()
}

/// Puts the tags into the record.
pub(super) fn set_tags(image: &mut Image, tags: BTreeSet<String>) -> Result<()> {
    if tags.len() > MAX_TAGS {
        return Err(Error::TooLarge(format!("an image can have at most {MAX_TAGS} tags")));
    }
    for tag in &tags {
        if tag.is_empty() {
            return Err(Error::Invalid("a tag must not be empty".into()));
        }
        check_text("tags", tag, MAX_NAME)?;
    }
    image.tags = Tags::of(&tags);
    Ok(())
}

fn tag_list(value: Value) -> Result<BTreeSet<String>> {
    let Value::Array(items) = value else { return Err(invalid("tags", "must be a list of strings")) };
    let tags = items.into_iter().map(|item| match item {
        Value::String(tag) => Ok(tag),
        _ => Err(invalid("tags", "must be a list of strings")),
    });
    tags.collect()
}

fn visibility(caller: &Caller, now: Visibility, value: Value, sharing: SharingScope) -> Result<Visibility> {
    let wanted: Visibility = match &value {
        Value::String(word) => word.parse().map_err(|error| Error::Invalid(format!("visibility: {error}")))?,
        _ => return Err(invalid("visibility", "must be one of private, shared, community, public")),
    };
    if wanted == now {
        return Ok(wanted);
    }
    match wanted {
        Visibility::Public => image_policy::publish_image(caller).map(|()| wanted),
        Visibility::Shared if sharing == SharingScope::Off => Err(super::members::sharing_is_off()),
        _ => Ok(wanted),
    }
}

fn owner(caller: &Caller, now: ProjectId, value: &Value) -> Result<ProjectId> {
    let owner = value.as_str().and_then(|id| id.parse().ok());
    if owner != Some(now) {
        image_policy::give_image(caller)?;
    }
    owner.ok_or_else(|| invalid("owner", "must be a project's id"))
}

fn format(image: &Image, name: &str, value: Value, known: &[&str]) -> Result<Option<String>> {
    let wanted = match value {
        Value::Null => None,
        Value::String(word) if known.contains(&word.as_str()) => Some(word),
        _ => return Err(invalid(name, &format!("must be one of {}", known.join(", ")))),
    };
    if image.status != Status::Queued {
        return Err(Error::Forbidden(format!("Attribute {name} can be only replaced for a queued image.")));
    }
    Ok(wanted)
}

fn optional_text(name: &str, value: Value) -> Result<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => {
            check_text(name, &text, MAX_NAME)?;
            Ok(Some(text))
        }
        _ => Err(invalid(name, "must be a string")),
    }
}

fn flag(name: &str, value: &Value) -> Result<bool> {
    value.as_bool().ok_or_else(|| invalid(name, "must be true or false"))
}

/// Numbers that fit what Glance's columns and clients hold.
fn number(name: &str, value: &Value) -> Result<i64> {
    let limits = 0..=i64::from(i32::MAX);
    value
        .as_i64()
        .filter(|number| limits.contains(number))
        .ok_or_else(|| invalid(name, "must be a whole number from 0 to 2147483647"))
}

pub(super) fn check_text(name: &str, text: &str, max: usize) -> Result<()> {
    // NUL: PostgreSQL stores no such text, and C programs behind us would cut it short.
    if text.contains('\0') {
        return Err(invalid(name, "must not contain the character NUL"));
    }
    if text.len() > max && text.chars().count() > max {
        return Err(invalid(name, &format!("must be at most {max} characters long")));
    }
    Ok(())
}

fn invalid(name: &str, what: &str) -> Error {
    let shown: String = name.chars().take(64).collect();
    Error::Invalid(format!("Invalid value for attribute '{shown}': it {what}."))
}
