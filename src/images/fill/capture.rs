//! Captures: an image is made of what a stopped instance changed on its disk.
//!
//! Its record, its fill and its job are made in the transaction that notes the image on the instance; a job reads the
//! disk ([`super::change`]), and the transaction that makes the image active frees the instance.

use std::collections::BTreeMap;

use super::super::{CHANGE_ATTEMPTS, Image, Images, Status, Visibility, changed_by_others, publish, record};
use crate::{
    config::SharingScope,
    db::now_ms,
    error::Result,
    identity::{Caller, audit::Event, image_policy},
    ids::{ImageId, InstanceId, ProjectId},
    model::{
        Step,
        event::Outcome,
        fill::{FillKind, NewFill, Target},
        image_list::{Condition, ListImages, TextColumn},
        instance::StateChange,
    },
    queue::{Backup, Queue, Work},
};

/// An image that is to be made of an instance.
#[derive(Clone, Debug)]
pub struct CaptureOf {
    pub image: ImageId,
    /// The instance's project, whose quota it is counted in, whoever asks for it.
    pub owner: ProjectId,
    pub instance: InstanceId,
    pub base_image: Option<ImageId>,
    pub name: String,
    /// Properties that the new image gets: what the caller asked for, and what the base image's guests need.
    pub properties: BTreeMap<String, String>,
    /// How many bytes the file may come to, counted in the project's quota until it is known.
    pub expected_bytes: u64,
    pub min_disk_gib: u64,
    pub min_ram_mib: u64,
    pub backup: Option<Backup>,
}

/// The properties of a backup, in Nova's words.
const BACKUP: &str = "backup";
const BACKUP_TYPE: &str = "backup_type";
/// The oldest backups that one rotation deletes: the next goes on.
const ROTATED_AT_ONCE: u32 = 200;

impl Images {
    /// Begins an image of a stopped instance: its record, `saving`, and the job that will fill it, in the transaction
    /// that notes it on the instance (`noted`).
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `OverQuota` as for any new image.
    pub async fn begin_capture(&self, caller: &Caller, of: CaptureOf, noted: Option<&StateChange>) -> Result<()> {
        let lineage = BTreeMap::from([
            ("image_type", Some(if of.backup.is_some() { BACKUP } else { "snapshot" }.to_owned())),
            (BACKUP_TYPE, of.backup.as_ref().map(|backup| backup.kind.clone())),
            ("instance_uuid", Some(of.instance.to_string())),
            ("base_image_ref", of.base_image.map(|id| id.to_string())),
            ("user_id", Some(caller.user.id.to_string())),
        ]);
        let made = Made {
            id: of.image,
            owner: Some(of.owner),
            name: of.name,
            properties: of.properties,
            lineage,
            min_disk_gib: of.min_disk_gib,
            min_ram_mib: of.min_ram_mib,
        };
        let work = Work::Capture { image: of.image, instance: of.instance, backup: of.backup };
        self.begin_made(caller, made, FillKind::Capture, work, of.expected_bytes, noted).await
    }

    /// Deletes the oldest backups of this kind that the instance has beside `newest`. One that is protected, not active, or
    /// open to everybody stays.
    ///
    /// # Errors
    /// `Unavailable` when the database is out of reach.
    pub async fn rotate_backups(
        &self,
        caller: &Caller,
        newest: ImageId,
        instance: InstanceId,
        backup: &Backup,
    ) -> Result<()> {
        let owner = self.show(caller, newest).await?.owner;
        let own = [Visibility::Private, Visibility::Shared].map(|visibility| visibility.to_string());
        let wanted = ListImages {
            conditions: vec![
                Condition::TextIn(TextColumn::Owner, vec![owner.to_string()]),
                Condition::TextIn(TextColumn::Status, vec![Status::Active.to_string()]),
                Condition::TextIn(TextColumn::Visibility, own.to_vec()),
                Condition::Protected(false),
                Condition::Property("image_type".into(), BACKUP.into()),
                Condition::Property("instance_uuid".into(), instance.to_string()),
                Condition::Property(BACKUP_TYPE.into(), backup.kind.clone()),
            ],
            limit: backup.rotation.saturating_add(ROTATED_AT_ONCE),
            ..ListImages::default()
        };
        // A release is its channel's.
        let found = self.list(caller, wanted).await?.images.into_iter().filter(|image| image.channel_id.is_none());
        let mut found: Vec<_> = found.map(|image| image.id).collect();
        // It is the newest whatever the clock says; the others stand in the list's order, the newest first.
        found.sort_by_key(|id| *id != newest);
        for old in found.into_iter().skip(backup.rotation as usize) {
            let deleted = self.delete(caller, old).await;
            if let Err(error) = &deleted {
                tracing::warn!(image.id = %old, "the old backup {old} stays: {error}");
            }
            self.record_rotation(caller, owner, old, deleted.is_ok()).await?;
        }
        Ok(())
    }

    /// Deletes the image of a shelved instance that has come back or is gone. One that its owner keeps (it is protected, a release,
    /// or others may see it) stays, and so does one that is gone already.
    ///
    /// # Errors
    /// `Unavailable` when the database is out of reach.
    pub async fn end_shelved(&self, id: ImageId, instance: InstanceId) -> Result<()> {
        let of = instance.to_string();
        for _ in 0..CHANGE_ATTEMPTS {
            let Some((image, _)) = self.0.db.image(id, None).await? else { return Ok(()) };
            let is_its = image.properties.read()?.get("instance_uuid").is_some_and(|found| *found == of);
            let is_private = matches!(image.visibility, Visibility::Private | Visibility::Shared);
            let is_kept = image.protected || image.channel_id.is_some() || !self.0.db.members(id).await?.is_empty();
            if is_kept || !is_its || !is_private || image.status == Status::Deleted {
                return Ok(());
            }
            if self.0.db.delete_image(id, image.revision).await? == Step::Done {
                let event = Event {
                    request_id: format!("req-{}", uuid::Uuid::new_v4()),
                    project_id: Some(image.owner.to_string()),
                    action: "image.delete".into(),
                    target_id: Some(id.to_string()),
                    outcome: Outcome::Success,
                    status: 204,
                    ..Event::default()
                };
                return self.0.identity.record(event).await;
            }
        }
        Err(changed_by_others(id))
    }

    async fn record_rotation(&self, caller: &Caller, owner: ProjectId, image: ImageId, is_done: bool) -> Result<()> {
        let event = Event {
            request_id: caller.request_id.clone(),
            user_id: Some(caller.user.id.to_string()),
            user_name: Some(caller.user.name.clone()),
            project_id: Some(owner.to_string()),
            action: "image.delete".into(),
            target_id: Some(image.to_string()),
            outcome: if is_done { Outcome::Success } else { Outcome::Failure },
            status: if is_done { 204 } else { 409 },
            ..Event::default()
        };
        self.0.identity.record(event).await
    }

    /// Begins an image that a job will fill.
    ///
    /// # Errors
    /// As [`Images::begin_capture`].
    pub(super) async fn begin_made(
        &self,
        caller: &Caller,
        made: Made,
        kind: FillKind,
        work: Work,
        expected_bytes: u64,
        instance: Option<&StateChange>,
    ) -> Result<()> {
        image_policy::may_make(caller)?;
        let image = made_image(caller, made, self.0.sharing)?;
        let job = Queue::row(work, Some(caller))?;
        let new = NewFill {
            reserve_bytes: i64::try_from(expected_bytes).unwrap_or(i64::MAX),
            job: Some(&job),
            instance,
            ..NewFill::of(kind, Target::New(&image))
        };
        self.0.db.begin_fill(new, self.0.limits).await?;
        self.0.queue.wake();
        Ok(())
    }
}

/// An image that a job will fill.
pub(super) struct Made {
    pub(super) id: ImageId,
    /// The project that it belongs to; `None`: the caller's.
    pub(super) owner: Option<ProjectId>,
    pub(super) name: String,
    pub(super) properties: BTreeMap<String, String>,
    /// The properties that say where it comes from, whatever else they said.
    pub(super) lineage: BTreeMap<&'static str, Option<String>>,
    pub(super) min_disk_gib: u64,
    pub(super) min_ram_mib: u64,
}

/// The record of an image that a job will fill: `saving` and private.
fn made_image(caller: &Caller, made: Made, sharing: SharingScope) -> Result<Image> {
    let mut attributes = record::Attributes::new();
    attributes.insert("id".into(), made.id.to_string().into());
    attributes.insert("name".into(), made.name.into());
    attributes.insert("disk_format".into(), "qcow2".into());
    attributes.insert("container_format".into(), "bare".into());
    attributes.insert("min_disk".into(), made.min_disk_gib.into());
    attributes.insert("min_ram".into(), made.min_ram_mib.into());
    let mut image = record::new_image(caller, attributes, sharing, now_ms())?;
    image.owner = made.owner.unwrap_or(image.owner);
    image.status = Status::Saving;
    image.progress = Some(0);
    let mut properties = made.properties;
    properties
        .retain(|name, _| !record::is_attribute(name) && !name.starts_with("os_glance") && !publish::is_own(name));
    for (name, value) in made.lineage {
        match value {
            Some(value) => drop(properties.insert(name.into(), value)),
            None => drop(properties.remove(name)),
        }
    }
    let mut checked = BTreeMap::new();
    for (name, value) in properties {
        record::set_property(&mut checked, &name, value.into())?;
    }
    record::write_properties(&mut image, &checked)?;
    Ok(image)
}
