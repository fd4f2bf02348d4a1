//! Launching: the request is checked, reserved and recorded; then the drivers take over.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    hardware::{self, Facts},
    labels,
    room::Room,
    server_groups::ServerGroups,
    types::{Launch, Nic, Status, TaskState},
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::{Caller, policy},
    ids::{InstanceId, ProjectId},
    images::LaunchSource,
    model::{
        action::ActionRow,
        flavor::Flavor,
        instance::{FirstBoot, Inherited, InstanceMake, InstanceRow, InstanceState, Reservation},
    },
};

/// The most instances one call launches; it bounds the transaction that makes them.
const MAX_COUNT: u32 = 1000;
/// The most bytes of user data (Nova: 65,535 characters of base64).
const MAX_USER_DATA_BYTES: usize = 65_535 / 4 * 3;
/// The most files of a guest, and the bytes of the contents and of the path of each (Nova's quotas, by default).
pub const MAX_FILES: usize = 5;
pub const MAX_FILE_BYTES: usize = 10_240;
pub const MAX_FILE_PATH_BYTES: usize = 255;
/// The image's properties that say what its guest needs or is: an instance keeps them, and so do images made of it.
const KEPT_PROPERTIES: [&str; 3] = ["hw_", "os_", "architecture"];
/// The most bytes of those: each instance keeps its own, in its row and in memory.
const MAX_KEPT_BYTES: usize = 16 << 10;
/// The other properties go on to images of the instance, but for those that are about one image's bytes: signatures, keys
/// of volumes, caches (Nova: `non_inheritable_image_properties`), checksums by the SDK, and words of this service.
const NOT_INHERITED: [&str; 6] =
    ["img_signature", "cinder_encryption_key", "cache_in_nova", "bittorrent", "owner_specified.openstack", "effigy_"];
/// Longer texts are not kept for that (Nova's column, which cuts them off): an image has at most 128 properties.
const MAX_INHERITED_CHARS: usize = 255;
const GIB: u64 = 1 << 30;

/// Launches, as the door says.
pub(super) async fn launch(room: &Arc<Room>, caller: &Caller, wanted: Launch) -> Result<Vec<InstanceRow>> {
    let project = policy::create_instance(caller)?;
    check(&wanted)?;
    let flavor = room.flavors.show(caller, &wanted.flavor).await.map_err(named_in_the_request)?;
    let source = room.images.launchable(caller, wanted.image).await.map_err(named_in_the_request)?;
    let public_key = match &wanted.key_name {
        Some(name) => Some(public_key(room, caller, name).await?),
        None => None,
    };
    if let Some(group) = wanted.server_group {
        ServerGroups::new(room.db.clone()).show(caller, group).await.map_err(named_in_the_request)?;
    }
    let made = make(room, &source, &flavor)?;
    let disk_bytes = made.disk_bytes;
    let made = InstanceMake { key_name: wanted.key_name.clone(), public_key, ..made };
    let wanted = &wanted;
    let make = Make { caller, project, wanted, made };
    let reservation = Reservation {
        project,
        min: wanted.min_count,
        max: wanted.max_count,
        vcpus: flavor.vcpus,
        memory_mib: flavor.memory_mib,
        disk_bytes,
        quota: room.quota,
        host_memory_mib: room.host_memory_mib,
        server_group: wanted.server_group,
    };
    room.disk_has_room()?;
    let reservation_id = format!("r-{:08x}", random_u32()?);
    let macs = (0..wanted.max_count).map(|_| mac(wanted.nic)).collect::<Result<Vec<_>>>()?;
    let made = room
        .db
        .add_instances(&reservation, &wanted.first_boot, |index, number| {
            make.one(index, number, &reservation_id, macs[index as usize].clone())
        })
        .await?;
    let mut rows = Vec::with_capacity(made.len());
    for (row, _) in made {
        room.drive(row.clone(), None);
        rows.push(row);
    }
    Ok(rows)
}

/// The make of one instance of this image and this flavor, without a key, a network, or a place among others.
///
/// # Errors
/// `Invalid` for an image that the flavor is too small for, or that asks for hardware that there is not.
pub(super) fn make(room: &Room, source: &LaunchSource, flavor: &Flavor) -> Result<InstanceMake> {
    let hardware = kept_properties(source)?;
    let facts = Facts {
        architecture: source.found.architecture.as_deref(),
        boots_by: source.found.firmware,
        is_cd: source.is_cd,
        sector_bytes: source.sector_bytes,
        firmware: &room.settings.firmware,
    };
    let machine = hardware::settle(&source.properties, flavor.vcpus, facts)?;
    Ok(InstanceMake {
        image: source.id,
        image_name: source.name.clone().unwrap_or_default(),
        hardware,
        inherited: inherited(source),
        disk_bytes: disk_bytes(flavor, source, machine.sector_bytes.unwrap_or(512))?,
        machine: Some(machine),
        base_root: source.disk.root.to_string(),
        base_store: source.disk.store.clone(),
        base_bytes: source.virtual_size_bytes,
        flavor: flavor.clone(),
        vcpus: flavor.vcpus,
        memory_mib: flavor.memory_mib,
        key_name: None,
        public_key: None,
        mac: None,
        launch_index: 0,
        reservation_id: String::new(),
    })
}

/// The public half of a key pair of the caller's.
pub(super) async fn public_key(room: &Room, caller: &Caller, name: &str) -> Result<String> {
    Ok(room.key_pairs.show(caller, None, name).await.map_err(named_in_the_request)?.public_key)
}

/// A request that names something unknown in its body is invalid; its own address was found.
pub(super) fn named_in_the_request(error: Error) -> Error {
    match error {
        Error::NotFound(why) => Error::Invalid(why),
        other => other,
    }
}

fn check(wanted: &Launch) -> Result<()> {
    labels::check_name(&wanted.name)?;
    if let Some(description) = &wanted.description {
        labels::check_description(description)?;
    }
    if wanted.min_count < 1 || wanted.min_count > wanted.max_count || wanted.max_count > MAX_COUNT {
        return Err(Error::Invalid(format!(
            "min_count must be at least 1 and at most max_count, and max_count at most {MAX_COUNT}."
        )));
    }
    check_first_boot(&wanted.first_boot)
}

pub(super) fn check_first_boot(FirstBoot { user_data, files }: &FirstBoot) -> Result<()> {
    if user_data.as_ref().is_some_and(|data| data.len() > MAX_USER_DATA_BYTES) {
        return Err(Error::Invalid(format!("user_data may have at most {MAX_USER_DATA_BYTES} bytes.")));
    }
    // These are quotas in Nova: 403.
    if files.len() > MAX_FILES || files.iter().any(|file| file.contents.len() > MAX_FILE_BYTES) {
        return Err(Error::Forbidden(format!(
            "A guest gets at most {MAX_FILES} files of {MAX_FILE_BYTES} bytes each; give more in user_data."
        )));
    }
    let is_path =
        |path: &str| !path.is_empty() && path.len() <= MAX_FILE_PATH_BYTES && !path.contains(char::is_control);
    match files.iter().find(|file| !is_path(&file.path)) {
        Some(_) => Err(Error::Forbidden(format!(
            "The path of a file has 1 to {MAX_FILE_PATH_BYTES} bytes, none of them a control character."
        ))),
        None => Ok(()),
    }
}

/// The size of the new disk: the flavor's, and never less than the image's, unless that is a CD beside it.
fn disk_bytes(flavor: &Flavor, source: &LaunchSource, sector_bytes: u32) -> Result<u64> {
    if flavor.memory_mib < source.min_ram_mib {
        return Err(Error::Invalid("Flavor's memory is too small for requested image.".into()));
    }
    if source.is_cd && flavor.disk_gib == 0 {
        return Err(Error::Invalid(
            "The image is a CD, and its instance gets an empty disk of the flavor's size beside it: choose a flavor with \
             a disk."
                .into(),
        ));
    }
    // QEMU counts disks in sectors.
    let image = match source.is_cd {
        true => 0,
        false => source.virtual_size_bytes.next_multiple_of(u64::from(sector_bytes)),
    };
    let disk = flavor.disk_gib.checked_mul(GIB).ok_or_else(|| Error::Invalid("Flavor's disk is too large.".into()))?;
    if flavor.disk_gib > 0 && disk < image {
        return Err(Error::Invalid(format!(
            "Flavor's disk is too small for requested image. Flavor disk is {disk} bytes, image is {image} bytes."
        )));
    }
    if flavor.disk_gib > 0 && flavor.disk_gib < source.min_disk_gib {
        return Err(Error::Invalid(format!(
            "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is {disk} bytes, \
             minimum size is {} bytes.",
            source.min_disk_gib.saturating_mul(GIB)
        )));
    }
    Ok(disk.max(image))
}

/// The part of an image's record that images of its instances have too.
fn inherited(source: &LaunchSource) -> Inherited {
    let goes_on = |(name, value): &(&String, &String)| {
        let begins = |start: &&str| name.starts_with(*start);
        !KEPT_PROPERTIES.iter().any(&begins)
            && !NOT_INHERITED.iter().any(begins)
            && value.chars().count() <= MAX_INHERITED_CHARS
    };
    let properties = source.properties.iter().filter(goes_on).map(|(name, value)| (name.clone(), value.clone()));
    Inherited { min_disk_gib: source.min_disk_gib, min_ram_mib: source.min_ram_mib, properties: properties.collect() }
}

fn kept_properties(source: &LaunchSource) -> Result<BTreeMap<String, String>> {
    let is_kept = |name: &String| KEPT_PROPERTIES.iter().any(|start| name.starts_with(start));
    let kept: BTreeMap<_, _> = source
        .properties
        .iter()
        .filter(|(name, _)| is_kept(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let bytes: usize = kept.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_KEPT_BYTES {
        return Err(Error::Invalid(format!(
            "The image's properties that begin with hw_ or os_ have {bytes} bytes, and an instance keeps at most \
             {MAX_KEPT_BYTES}: shorten them."
        )));
    }
    Ok(kept)
}

struct Make<'a> {
    caller: &'a Caller,
    project: ProjectId,
    wanted: &'a Launch,
    made: InstanceMake,
}

impl Make<'_> {
    fn one(&self, index: u32, number: u32, reservation_id: &str, mac: Option<String>) -> (InstanceRow, ActionRow) {
        let (wanted, now) = (self.wanted, now_ms());
        let id = InstanceId::new();
        // Nova's way with several: the name and a number from 1.
        let numbered =
            |name: &str| if wanted.max_count > 1 { format!("{name}-{}", index + 1) } else { name.to_owned() };
        let name = numbered(&wanted.name);
        let hostname = wanted.hostname.as_ref().map_or_else(|| hostname(&name, id), |name| numbered(&name.0));
        let row = InstanceRow {
            id,
            project_id: self.project,
            user_id: self.caller.user.id,
            name,
            description: wanted.description.clone(),
            hostname,
            metadata: wanted.metadata.0.clone(),
            tags: wanted.tags.0.clone(),
            access: wanted.access,
            make: InstanceMake {
                mac,
                launch_index: index,
                reservation_id: reservation_id.to_owned(),
                ..self.made.clone()
            },
            lock: None,
            server_group: wanted.server_group,
            number,
            state: InstanceState::new(Status::Build, Some(TaskState::Spawning)),
            created_ms: now,
            updated_ms: now,
        };
        let action = super::action(self.caller, &row, "create");
        (row, action)
    }
}

/// A host name made of a name as Nova makes it (`nova/utils.py`, `sanitize_hostname`).
fn hostname(name: &str, id: InstanceId) -> String {
    let plain = |c: char| match c {
        ' ' | '_' | '.' => Some('-'),
        c if c.is_ascii_alphanumeric() || c == '-' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    let made: String = name.chars().filter_map(plain).take(63).collect();
    let made = made.trim_matches('-');
    if made.is_empty() { format!("server-{id}") } else { made.to_owned() }
}

fn mac(nic: Nic) -> Result<Option<String>> {
    if nic == Nic::None {
        return Ok(None);
    }
    let [_, a, b, c] = random_u32()?.to_be_bytes();
    // The prefix that OpenStack gives to guests.
    Ok(Some(format!("fa:16:3e:{a:02x}:{b:02x}:{c:02x}")))
}

fn random_u32() -> Result<u32> {
    let mut bytes = [0; 4];
    openssl::rand::rand_bytes(&mut bytes).map_err(Error::internal)?;
    Ok(u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_name_is_made_of_what_a_host_name_may_hold() {
        let id = InstanceId::new();
        assert_eq!(hostname("Web Front_1.example", id), "web-front-1-example");
        assert_eq!(hostname("čšž$(id)", id), "id");
        assert_eq!(hostname("日本", id), format!("server-{id}"));
    }
}
