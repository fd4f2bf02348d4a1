//! From the body of `POST /servers` to a [`Launch`], at every microversion.
//!
//! Effigy's instances have one disk, of an image, and one network or none. A body that asks for anything else is
//! refused here with the reason, never accepted and ignored.

use std::{collections::BTreeMap, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{body::Fields, hosts, microversion::Microversion, network, tags};
use crate::{
    error::{Error, Result},
    ids::{ImageId, ServerGroupId},
    instances::{Access, FirstBoot, GuestFile, HostName, Launch, Metadata, Nic, Tags},
};

/// The longest user data, in base64 (Nova's).
const USER_DATA_CHARS: usize = 65_535;
/// Characters of a generated password (Nova's).
const PASSWORD_CHARS: usize = 12;

/// A body, read.
pub(super) struct Asked {
    /// For the room.
    pub launch: Launch,
    /// Whether the answer is the reservation's id instead of the first server.
    pub wants_reservation: bool,
    /// The administrator's password, given or made.
    pub admin_password: String,
    pub has_network: bool,
}

/// Reads the body.
pub(super) fn read(body: Value, version: Microversion) -> Result<Asked> {
    let hints = ["os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"];
    let server_group = hints.iter().find_map(|hints| body.get(hints)).map(group_hint).transpose()?.flatten();
    let mut fields = Fields::under(body, "server", &hints)?;
    let name = fields.name("name")?.ok_or_else(|| fields.missing("name"))?;
    let image = image(&mut fields)?;
    let flavor = flavor(&mut fields)?;
    let (min_count, max_count) = counts(&mut fields)?;
    let metadata = match fields.take("metadata") {
        Some(value) => metadata(value)?,
        None => Metadata::default(),
    };
    let tags = match fields.take("tags") {
        Some(value) if version.since(52) => tags::read(value)?,
        Some(value) => return Err(fields.invalid("tags", &value, "left out before microversion 2.52")),
        None => Tags::default(),
    };
    let description = if version.since(19) { fields.text("description", 255)? } else { None };
    let hostname = hostname(&mut fields, version)?;
    let access = Access {
        v4: access_address(&mut fields, "accessIPv4")?.flatten(),
        v6: access_address(&mut fields, "accessIPv6")?.flatten(),
    };
    let nic = nic(&mut fields, version)?;
    let key_name = fields.name("key_name")?;
    let first_boot = FirstBoot { user_data: user_data(&mut fields)?, files: files(&mut fields, version)? };
    let wants_reservation = fields.flag("return_reservation_id")?.unwrap_or(false);
    let admin_password = fields.text("adminPass", 255)?.unwrap_or_else(password);
    security_groups(&mut fields)?;
    refuse_what_is_not_offered(&mut fields, version)?;
    fields.done()?;
    let launch = Launch {
        name,
        image,
        flavor,
        min_count,
        max_count,
        key_name,
        first_boot,
        metadata,
        tags,
        description,
        hostname,
        access,
        nic,
        server_group,
    };
    Ok(Asked { launch, wants_reservation, admin_password, has_network: nic == Nic::Auto })
}

/// The server group of the hints. The others ask for a host, and there is one.
fn group_hint(hints: &Value) -> Result<Option<ServerGroupId>> {
    let bad = || Error::Invalid("Invalid scheduler hint: 'group' must be the id of a server group.".into());
    match hints.get("group") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => id.parse().map(Some).map_err(|_| bad()),
        Some(_) => Err(bad()),
    }
}

/// The image: `imageRef`, an id or a URL that ends in one, or that of the one block device.
fn image(fields: &mut Fields) -> Result<ImageId> {
    let reference = fields.text("imageRef", 1024)?.filter(|text| !text.is_empty());
    let device = match fields.take("block_device_mapping_v2") {
        Some(devices) => boot_device(devices)?,
        None => None,
    };
    if fields.take("block_device_mapping").is_some() {
        return Err(no_volumes());
    }
    match (reference, device) {
        (Some(reference), None) => image_ref(&reference),
        (None, Some(device)) => Ok(device),
        (Some(reference), Some(device)) => {
            if image_ref(&reference)? == device {
                Ok(device)
            } else {
                Err(Error::Invalid("imageRef and the boot device differ.".into()))
            }
        }
        (None, None) => Err(Error::Invalid("Invalid imageRef provided: name the image to launch from.".into())),
    }
}

/// An image as `imageRef` names it: by its id, or by a URL that ends in that.
pub(super) fn image_ref(reference: &str) -> Result<ImageId> {
    let id = reference.rsplit('/').next().unwrap_or_default();
    id.parse().map_err(|_| Error::Invalid("Invalid imageRef provided: it must be the id of an image.".into()))
}

/// The image of `block_device_mapping_v2`, which may only describe Effigy's one local disk.
fn boot_device(devices: Value) -> Result<Option<ImageId>> {
    let Value::Array(devices) = devices else {
        return Err(Error::Invalid("block_device_mapping_v2 must be a list.".into()));
    };
    let mut found = None;
    for device in devices {
        let mut device = Fields::of(device, "an entry of block_device_mapping_v2")?;
        let source = device.text("source_type", 16)?.unwrap_or_default();
        let destination = device.text("destination_type", 16)?.unwrap_or_default();
        if matches!(&*source, "volume" | "snapshot") || destination == "volume" {
            return Err(no_volumes());
        }
        let boot_index = device.take("boot_index");
        let is_first = boot_index.as_ref().is_none_or(|index| index == 0 || index == "0");
        if source != "image" || !is_first || found.is_some() {
            return Err(Error::Invalid(
                "Block Device Mapping is Invalid: an instance of Effigy has one disk, made from the image \
                 (source_type image, destination_type local, boot_index 0)."
                    .into(),
            ));
        }
        let id = device.required_text("uuid", 255)?;
        let bad = |_| Error::Invalid("Block Device Mapping is Invalid: its uuid is not the id of an image.".into());
        found = Some(id.parse().map_err(bad)?);
    }
    Ok(found)
}

fn no_volumes() -> Error {
    Error::Invalid(
        "Block Device Mapping is Invalid: Effigy has no volumes. Boot from an image with destination_type local, \
         without --boot-from-volume."
            .into(),
    )
}

/// The flavor's id, as a text, a number, or a URL that ends in it.
pub(super) fn flavor(fields: &mut Fields) -> Result<String> {
    let id = match fields.take("flavorRef") {
        Some(Value::String(text)) => text.rsplit('/').next().unwrap_or_default().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(value) => return Err(fields.invalid("flavorRef", &value, "the id of a flavor")),
        None => return Err(fields.missing("flavorRef")),
    };
    if id.is_empty() { Err(Error::Invalid("Invalid flavorRef provided.".into())) } else { Ok(id) }
}

fn counts(fields: &mut Fields) -> Result<(u32, u32)> {
    let min = fields.number("min_count", 1)?;
    let max = fields.number("max_count", 1)?;
    let (min, max) = (min.unwrap_or(1), max.or(min).unwrap_or(1));
    if min > max {
        return Err(Error::Invalid("min_count must be <= max_count".into()));
    }
    Ok((min as u32, max as u32))
}

/// Key-value pairs of a server or an image.
pub(super) fn metadata(value: Value) -> Result<Metadata> {
    let bad = |_| Error::Invalid("Invalid input for field/attribute metadata: it must be an object of texts.".into());
    Metadata::new(serde_json::from_value::<BTreeMap<_, _>>(value).map_err(bad)?)
}

/// The network: `auto` and `none` from 2.37 on; the one network by its id; without a word, that one too.
fn nic(fields: &mut Fields, version: Microversion) -> Result<Nic> {
    match fields.take("networks") {
        None => Ok(Nic::Auto),
        Some(Value::String(word)) if version.since(37) && word == "auto" => Ok(Nic::Auto),
        Some(Value::String(word)) if version.since(37) && word == "none" => Ok(Nic::None),
        Some(Value::Array(networks)) => {
            if networks.len() > 1 {
                return Err(Error::Invalid("An instance of Effigy has one network interface at most.".into()));
            }
            networks.into_iter().try_for_each(one_network)?;
            Ok(Nic::Auto)
        }
        Some(value) => {
            Err(fields.invalid("networks", &value, "'auto' or 'none' (from 2.37 on), or a list of networks"))
        }
    }
}

fn one_network(value: Value) -> Result<()> {
    let mut asked = Fields::of(value, "an entry of networks")?;
    if asked.take("port").is_some() {
        return Err(Error::Invalid(
            "Effigy makes ports itself; name the network by its uuid instead of a port.".into(),
        ));
    }
    if let Some(address) = asked.text("fixed_ip", 64)? {
        return Err(Error::Invalid(format!(
            "Fixed IP {address} cannot be chosen: the service or its network gives an instance its address."
        )));
    }
    asked.text("tag", 60)?;
    match asked.text("uuid", 255)? {
        Some(id) if id != network::ID => Err(Error::Invalid(format!("Network {id} could not be found."))),
        _ => asked.done(),
    }
}

fn security_groups(fields: &mut Fields) -> Result<()> {
    let Some(groups) = fields.take("security_groups") else { return Ok(()) };
    let Value::Array(groups) = groups else {
        return Err(fields.invalid("security_groups", &groups, "a list"));
    };
    for group in groups {
        let name = Fields::of(group, "an entry of security_groups")?.required_text("name", 255)?;
        if ![network::SECURITY_GROUP, network::SECURITY_GROUP_ID].contains(&name.as_str()) {
            return Err(Error::Invalid(format!(
                "Unable to find security_group with name or id '{name}': only '{}' exists.",
                network::SECURITY_GROUP
            )));
        }
    }
    Ok(())
}

pub(super) fn user_data(fields: &mut Fields) -> Result<Option<Vec<u8>>> {
    let Some(text) = fields.text("user_data", usize::MAX)? else { return Ok(None) };
    let text = without_breaks(text);
    if text.len() > USER_DATA_CHARS {
        return Err(Error::Invalid(format!("user_data is too long: at most {USER_DATA_CHARS} characters of base64.")));
    }
    decoded(text, "user_data").map(Some)
}

/// The files of `personality`, which Nova has until 2.56.
pub(super) fn files(fields: &mut Fields, version: Microversion) -> Result<Vec<GuestFile>> {
    let wanted = if version.0 <= 56 { "a list of files" } else { "left out from microversion 2.57 on: use user_data" };
    let files = match fields.take("personality") {
        None => return Ok(Vec::new()),
        Some(Value::Array(files)) if version.0 <= 56 => files,
        Some(value) => return Err(fields.invalid("personality", &value, wanted)),
    };
    let file = |file| {
        let mut file = Fields::of(file, "an entry of personality")?;
        let path = file.required_text("path", usize::MAX)?;
        let contents =
            decoded(without_breaks(file.required_text("contents", usize::MAX)?), "contents of a file of personality")?;
        file.done()?;
        Ok(GuestFile { path, contents })
    };
    files.into_iter().map(file).collect()
}

fn decoded(text: String, what: &str) -> Result<Vec<u8>> {
    let bad = |_| Error::Invalid(format!("Invalid {what}: it must be base64 with its padding."));
    STANDARD.decode(text).map_err(bad)
}

/// Base64 in one line: Python's encoder breaks lines, and Nova takes them.
fn without_breaks(mut text: String) -> String {
    text.retain(|c| !c.is_ascii_whitespace());
    text
}

/// Accepts the fields that change nothing here, and refuses those that ask for something Effigy does not have.
fn refuse_what_is_not_offered(fields: &mut Fields, version: Microversion) -> Result<()> {
    // A config drive is always attached, and a disk is always of the flavor's size: both words change nothing.
    fields.flag("config_drive")?;
    fields.text("OS-DCF:diskConfig", 16)?;
    if let Some(zone) = fields.text("availability_zone", 255)?
        && zone != hosts::ZONE
    {
        return Err(Error::Invalid(format!(
            "The requested availability zone is not available: only '{}' exists.",
            hosts::ZONE
        )));
    }
    let is_named =
        |value: Option<Value>| value.is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()));
    if version.since(63) && is_named(fields.take("trusted_image_certificates")) {
        return Err(no_signatures());
    }
    if version.since(74) && (is_named(fields.take("host")) | is_named(fields.take("hypervisor_hostname"))) {
        return Err(Error::Invalid("There is one host; leave host and hypervisor_hostname out.".into()));
    }
    Ok(())
}

/// The error for certificates that Effigy would check nothing by.
pub(super) fn no_signatures() -> Error {
    Error::Invalid("Image signatures are not checked; leave trusted_image_certificates out.".into())
}

/// The host name, which Nova takes from 2.90 on, and with its domain from 2.94 on.
pub(super) fn hostname(fields: &mut Fields, version: Microversion) -> Result<Option<HostName>> {
    if !version.since(90) {
        return Ok(None);
    }
    let longest = if version.since(94) { 255 } else { 63 };
    fields.text("hostname", 255)?.map(|name| HostName::new(name, longest)).transpose()
}

/// An address under which the owner says that the server is reached; an empty one takes it away.
pub(super) fn access_address<T: FromStr>(fields: &mut Fields, name: &str) -> Result<Option<Option<T>>> {
    match fields.text(name, 64)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(Some(None)),
        Some(text) => match text.parse() {
            Ok(address) => Ok(Some(Some(address))),
            Err(_) => Err(fields.invalid(name, &text.into(), "an IP address of that version")),
        },
    }
}

pub(super) fn password() -> String {
    // Without the characters that people take for one another.
    const LETTERS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut password = String::with_capacity(PASSWORD_CHARS);
    while password.len() < PASSWORD_CHARS {
        let bytes = uuid::Uuid::new_v4().into_bytes();
        // The bytes with no fixed bits; those past the last whole multiple would favour the first letters.
        let fair = bytes.iter().enumerate().filter(|(at, _)| ![6, 8].contains(at)).map(|(_, byte)| usize::from(*byte));
        let room = PASSWORD_CHARS - password.len();
        let whole = 256 / LETTERS.len() * LETTERS.len();
        password
            .extend(fair.filter(|byte| *byte < whole).take(room).map(|byte| char::from(LETTERS[byte % LETTERS.len()])));
    }
    password
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const IMAGE: &str = "7c1bd0a2-5a0e-4f7e-9a0e-0f6f1a2b3c4d";

    fn ask(version: u16, extra: Value) -> Result<Asked> {
        let mut server = json!({"name": "a", "imageRef": IMAGE, "flavorRef": "42"});
        server.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        read(json!({ "server": server }), Microversion(version))
    }

    #[test]
    fn what_the_clients_send_is_understood() {
        let device = json!([{"uuid": IMAGE, "boot_index": 0, "source_type": "image", "destination_type": "local",
            "delete_on_termination": true}]);
        let cli = json!({"block_device_mapping_v2": device, "networks": "none", "min_count": 1, "max_count": 3});
        let asked = ask(96, cli).unwrap();
        assert_eq!((asked.launch.nic, asked.launch.min_count, asked.launch.max_count), (Nic::None, 1, 3));
        assert_eq!(ask(1, json!({})).unwrap().launch.nic, Nic::Auto);
        assert_eq!(ask(37, json!({"networks": "auto"})).unwrap().launch.nic, Nic::Auto);
        assert_eq!(ask(1, json!({"networks": [{"uuid": network::ID}]})).unwrap().launch.nic, Nic::Auto);
        assert_eq!(ask(1, json!({"min_count": 2})).unwrap().launch.max_count, 2);
        assert_eq!(ask(1, json!({"user_data": "aGVs\nbG8="})).unwrap().launch.first_boot.user_data.unwrap(), b"hello");
        let files = json!({"personality": [{"path": "/etc/motd", "contents": "aGVs\nbG8="}]});
        let hello = GuestFile { path: "/etc/motd".into(), contents: b"hello".to_vec() };
        assert_eq!(ask(56, files).unwrap().launch.first_boot.files, [hello]);
        let alone = json!({"imageRef": "", "block_device_mapping_v2": [
            {"uuid": IMAGE, "boot_index": "0", "source_type": "image", "destination_type": "local"}]});
        assert_eq!(ask(1, alone).unwrap().launch.image.to_string(), IMAGE);
        let url = json!({"imageRef": format!("http://there/images/{IMAGE}"), "flavorRef": 1});
        assert_eq!(ask(1, url).unwrap().launch.flavor, "1");
    }

    #[test]
    fn what_is_not_offered_is_refused_with_the_reason() {
        let volume = json!({"block_device_mapping_v2": [
            {"uuid": IMAGE, "boot_index": 0, "source_type": "image", "destination_type": "volume", "volume_size": 1}]});
        let table = [
            (volume, "no volumes"),
            (json!({"networks": [{"port": "p"}]}), "port"),
            (json!({"networks": [{"uuid": IMAGE}]}), "could not be found"),
            (json!({"security_groups": [{"name": "web"}]}), "security_group"),
            (json!({"availability_zone": "mars"}), "availability zone"),
            (json!({"min_count": 3, "max_count": 2}), "min_count"),
            (json!({"personality": [{"path": "/a", "contents": ""}]}), "personality"),
            (json!({"user_data": "no base64!"}), "base64"),
            (json!({"colour": "red"}), "colour"),
        ];
        for (extra, word) in table {
            match ask(96, extra.clone()) {
                Err(Error::Invalid(message)) => assert!(message.contains(word), "{message}"),
                _ => panic!("{extra} was taken"),
            }
        }
    }

    #[test]
    fn field_of_a_later_microversion_is_refused_before_it() {
        for (field, value, since) in [
            ("description", json!("d"), 19),
            ("networks", json!("auto"), 37),
            ("tags", json!(["t"]), 52),
            ("hostname", json!("host"), 90),
        ] {
            assert!(ask(since - 1, json!({field: value})).is_err(), "{field}");
            assert!(ask(since, json!({field: value})).is_ok(), "{field}");
        }
    }

    #[test]
    fn made_password_has_twelve_letters_and_is_never_the_same() {
        let (one, two) = (password(), password());
        assert_eq!(one.chars().count(), PASSWORD_CHARS);
        assert_ne!(one, two);
    }
}
