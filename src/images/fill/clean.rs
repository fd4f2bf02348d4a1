//! Cleaned copies: the images that can be cleaned, and the record of the copy. A guest of the instances room does the
//! cleaning ([`crate::instances`]), a job the copying ([`crate::jobs`]).

use std::collections::BTreeMap;

use super::{
    super::{Image, Images, Status, record},
    capture::Made,
};
use crate::{
    error::{Error, Result},
    identity::{
        Caller,
        image_policy::{self, ImageAction},
    },
    ids::ImageId,
    model::fill::FillKind,
    queue::Work,
    stores::Place,
};

/// The end of a copy's name when the caller gave none.
const SUFFIX: &str = " (generalised)";
/// Characters of a name.
const MAX_NAME_CHARS: usize = 255;

/// An image of which a cleaned copy can be made, and whose bytes the caller may have.
#[derive(Clone, Debug)]
pub struct Cleanable {
    pub id: ImageId,
    pub disk: Place,
    pub disk_bytes: u64,
    /// The partitions with an ext2, ext3 or ext4, by number; 0 for a disk that is one file system.
    pub volumes: Vec<u32>,
    record: Image,
}

impl Images {
    /// An image of which a cleaned copy can be made.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` by the rules: a copy is read and made. `Conflict` for an image that is not active, that
    /// is not verified to be Linux, or whose file systems the cleaner cannot write.
    pub async fn cleanable(&self, caller: &Caller, id: ImageId) -> Result<Cleanable> {
        let image = self.allowed(caller, id, ImageAction::Download).await?;
        image_policy::may_make(caller)?;
        let size_bytes = image.disk_bytes.unwrap_or_default() as u64;
        let (Some(root), Status::Active, true) = (&image.disk_root, image.status, size_bytes > 0) else {
            let message = format!("Image {id} is not active but {}, or has no bytes: nothing to copy.", image.status);
            return Err(Error::Conflict(message));
        };
        let disk = self.0.stores.place(&image.stores.0, root).await?;
        let volumes = match self.statement_of(&image).await? {
            Ok(statement) => volumes_of(statement.predicate.report.as_ref()),
            Err(why) => Err(format!("{why} Wait for its verification, or ask for it again, and then try again.")),
        };
        let volumes = volumes.map_err(|why| Error::Conflict(format!("Image {id} cannot be cleaned: {why}")))?;
        Ok(Cleanable { id, disk, disk_bytes: size_bytes, volumes, record: image })
    }

    /// Begins a cleaned copy: its record, `saving`, and the job that will fill it, in one transaction.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `OverQuota` as for any new image.
    pub async fn begin_clean(&self, caller: &Caller, of: &Cleanable, name: Option<String>) -> Result<ImageId> {
        let lineage = BTreeMap::from([
            // It was captured from no instance, whatever its source was.
            ("image_type", None),
            ("instance_uuid", None),
            ("base_image_ref", Some(of.id.to_string())),
            ("user_id", Some(caller.user.id.to_string())),
        ]);
        let image = ImageId::new();
        let made = Made {
            id: image,
            owner: None,
            name: name.unwrap_or_else(|| name_of_copy(&of.record)),
            properties: record::properties_of(&of.record)?,
            lineage,
            min_disk_gib: of.record.min_disk_gib as u64,
            min_ram_mib: of.record.min_ram_mib as u64,
        };
        let work = Work::Clean { image, source: of.id };
        self.begin_made(caller, made, FillKind::Clean, work, of.disk_bytes, None).await?;
        Ok(image)
    }
}

fn name_of_copy(source: &Image) -> String {
    let name = source.name.clone().unwrap_or_else(|| source.id.to_string());
    name.chars().take(MAX_NAME_CHARS - SUFFIX.len()).chain(SUFFIX.chars()).collect()
}

/// The volumes of a Linux system that the cleaner can write; else why there are none.
fn volumes_of(report: Option<&guest::Report>) -> Result<Vec<u32>, String> {
    let report = report.ok_or("its verification says that its content is unknown.")?;
    match report.facts.family.known() {
        Some(guest::Family::Linux) => {}
        Some(guest::Family::Windows) => {
            return Err("it holds Windows, which generalises itself: launch an instance of it, run \
                        sysprep /generalize /oobe /shutdown in it, and make an image of that instance."
                .into());
        }
        None => return Err("its verification says that the system inside is unknown.".into()),
    }
    if let Some(why) = &report.incomplete {
        return Err(format!("not everything inside could be looked at ({why})."));
    }
    let is_written = |volume: &&guest::Volume| {
        matches!(volume.content.as_str(), "ext2" | "ext3" | "ext4") && volume.problem.is_none()
    };
    let volumes: Vec<u32> =
        report.volumes.iter().filter(is_written).map(|volume| volume.partition.unwrap_or(0)).collect();
    if volumes.is_empty() {
        let found: Vec<&str> = report.volumes.iter().map(|volume| volume.content.as_str()).collect();
        let found = found.join(", ");
        return Err(format!("only ext2, ext3 and ext4 can be cleaned, and it has {found}."));
    }
    Ok(volumes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_be_writable_is_cleaned() {
        assert!(volumes_of(None).unwrap_err().contains("unknown"));
        let facts = serde_json::json!({"family": {"known": "linux"}, "distribution": {"known": "debian"},
            "version": {"unknown": ""}, "name": {"unknown": ""}, "architecture": {"unknown": ""},
            "boot": {"unknown": ""}, "cloud_init": {"known": false}, "guest_agent": {"known": false},
            "virtio": {"known": false}, "root_free_bytes": {"unknown": ""}});
        let volume = |partition: Option<u32>, content: &str, problem: Option<&str>| {
            serde_json::json!({"partition": partition, "offset_bytes": 0, "size_bytes": 1, "content": content,
                "free_bytes": null, "problem": problem})
        };
        let report = |volumes: Vec<serde_json::Value>, incomplete: Option<&str>| -> guest::Report {
            let report = serde_json::json!({"rules": 1, "disk_bytes": 1, "table": "gpt", "volumes": volumes,
                "facts": facts, "windows": null, "findings": [], "has_more_findings": false,
                "incomplete": incomplete});
            serde_json::from_value(report).unwrap()
        };
        let many = vec![
            volume(Some(1), "fat", None),
            volume(Some(2), "ext4", None),
            volume(Some(3), "ext4", Some("broken")),
            volume(Some(5), "ext2", None),
        ];
        assert_eq!(volumes_of(Some(&report(many.clone(), None))).unwrap(), [2, 5]);
        assert!(volumes_of(Some(&report(many, Some("time is up")))).unwrap_err().contains("time is up"));
        assert_eq!(volumes_of(Some(&report(vec![volume(None, "ext3", None)], None))).unwrap(), [0]);
        assert!(volumes_of(Some(&report(vec![volume(None, "xfs", None)], None))).unwrap_err().contains("xfs"));
        let mut windows = report(vec![volume(None, "ntfs", None)], None);
        windows.facts.family = guest::Fact::Known(guest::Family::Windows);
        assert!(volumes_of(Some(&windows)).unwrap_err().contains("sysprep"));
    }
}
