//! Image records and their bytes.
//!
//! ```text
//! queued ─► saving ─────────────────► active ◄─► deactivated
//!   ▲ │       │                         ▲  │         │
//!   │ ├───────┼─► uploading ─► importing ┘  ▼         ▼
//!   │ └───────┼───────┼────────►  │     any ─► deleted
//!   └─────────┴───────┴───────────┘ failed
//! ```
//!
//! - A status changes only by compare-and-set; the second of two requests gets `Conflict`.
//! - `saving`, `uploading` and `importing` are on their way to bytes: a [`fill`] says on which road. One that fails
//!   puts the image back to `queued` with the reason; the sweep takes what was written.
//! - Chunks before manifest, manifest before row, row before the answer. Only the last step of a fill makes an image
//!   active.
//! - An image that a caller may not see is answered like an id that nobody has ([`crate::identity::image_policy`]).
//! - Staged bytes are a content of the store that the row names, kept for as long as `import.keep_staged_hours` says;
//!   they are judged when they are imported. So is a file that comes in parts, kept for `images.keep_parts_hours` after
//!   its last byte.
//! - The bytes lie in one of the stores or in several ([`crate::stores`]).
//! - A file's bytes never change once an image is active. An image whose file nobody uploaded (a captured one) has
//!   its file rendered from its disk ([`read`]).
//! - The bytes that an image takes of its project's quota are reserved before the first one, and settled at the end.

mod activity;
mod channels;
mod fill;
mod launch;
mod list;
mod members;
mod patch;
mod publish;
mod read;
mod record;
mod references;
mod shares;
mod storage;
mod tasks;
mod verify;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config,
    db::{Database, now_ms},
    error::{Error, Result},
    fetch::Fetcher,
    identity::{
        Caller, Identity, ProjectRef,
        audit::Event,
        image_policy::{self, ImageAction, ImageFacts},
        lasting::RightEnds,
    },
    ids::{ImageId, JobId, ProjectId},
    inspect::Inspector,
    model::{
        Step,
        event::Outcome,
        usage::{ImageUsage, Limits},
    },
    queue::Queue,
    stores::Stores,
};

pub use crate::model::image_list::{
    Comparison, Condition, Direction, ImagePage, Kind, ListImages, Membership, NumberColumn, PageVisibility, SortKey,
    TextColumn,
};
pub use crate::model::{
    channel::{Channel, ChannelStep, Release, StepKind},
    image::{Image, Status, Visibility},
    member::{Member, MemberStatus},
    task::{ImageTask, TaskOrder},
};
pub use crate::queue::Backup;
pub use channels::{ChannelPage, Dates, NewRelease, OlderInstances, SeenChannel};
pub use fill::{
    Algorithm, Appended, CaptureOf, Changed, Changes, Cleanable, Declared, Fill, Filled, ImportImage, METHODS, Move,
    NewUpload, PACKED, PROGRESS_INTERVAL, Part, Progress, Targets, UploadInParts,
};
pub use launch::LaunchSource;
pub use patch::Change;
pub use read::File;
pub use record::{Attributes, BASE_ATTRIBUTES, CONTAINER_FORMATS, DISK_FORMATS, MAX_MEMBERS, MAX_PROPERTIES, MAX_TAGS};
pub use references::References;
pub use shares::ShareHistory;
pub use storage::Figures;
pub use tasks::{ListTasks, NewTask};
pub use verify::{FOUND_PROPERTIES, Found, Verification};

/// A change is made by compare-and-set, and tried again this often with the record as it is by then.
const CHANGE_ATTEMPTS: usize = 8;
/// Counting what an image takes reads many manifests, and nobody waits for it to go on working.
const COUNTS_AT_ONCE: usize = 4;

/// The images part, open. Cheap to clone.
#[derive(Clone)]
pub struct Images(Arc<Inner>);

struct Inner {
    db: Database,
    stores: Stores,
    identity: Identity,
    queue: Queue,
    settings: config::Images,
    pace: fill::Pace,
    sharing: config::SharingScope,
    inspector: Inspector,
    limits: Limits,
    fetcher: Fetcher,
    keep_staged_ms: i64,
    keep_parts_ms: i64,
    /// The requests that are at work on files in parts.
    turns: fill::Turns,
    /// The tokens that imports from another Glance show it, until they end. They are kept nowhere else.
    remote_tokens: Mutex<HashMap<JobId, String>>,
    uploads: Arc<Semaphore>,
    unpackings: Arc<Semaphore>,
    counting: Semaphore,
    /// Downloads of shared images that are not written down yet.
    downloads: Mutex<shares::Downloads>,
    /// The fills under way, and the ends of dropped ones.
    fills: TaskTracker,
    stop: CancellationToken,
}

/// The settings that this part reads.
#[derive(Clone, Debug)]
pub struct Settings {
    pub images: config::Images,
    pub import: config::Import,
    pub sharing: config::Sharing,
    pub quota: config::Quota,
    /// How long a client may keep an upload waiting.
    pub patience: Duration,
    /// The part that looks into images.
    pub inspector: Inspector,
}

impl Images {
    /// Opens the part.
    pub fn open(db: Database, stores: Stores, identity: Identity, queue: Queue, settings: Settings) -> Images {
        let quota = &settings.quota;
        let number = |limit: u64| i64::try_from(limit).unwrap_or(i64::MAX);
        let limits = Limits {
            images: number(quota.images),
            bytes: number(quota.image_bytes),
            uploads: number(quota.uploads),
            staged_bytes: number(quota.staged_bytes),
        };
        Images(Arc::new(Inner {
            db,
            stores,
            identity,
            queue,
            uploads: Arc::new(Semaphore::new(settings.images.max_uploads)),
            unpackings: Arc::new(Semaphore::new(fill::UNPACKINGS_AT_ONCE)),
            counting: Semaphore::new(COUNTS_AT_ONCE),
            downloads: Mutex::default(),
            pace: fill::Pace {
                min_bytes_a_second: settings.images.min_upload_rate,
                window: settings.patience,
                total: Duration::from_secs(settings.images.upload_timeout_secs),
            },
            keep_parts_ms: number(settings.images.keep_parts_hours.saturating_mul(3_600_000)),
            turns: fill::Turns::default(),
            settings: settings.images,
            sharing: settings.sharing.scope,
            inspector: settings.inspector,
            limits,
            fetcher: Fetcher::new(&settings.import),
            keep_staged_ms: number(settings.import.keep_staged_hours.saturating_mul(3_600_000)),
            remote_tokens: Mutex::default(),
            fills: TaskTracker::new(),
            stop: CancellationToken::new(),
        }))
    }

    /// How far sharing reaches in this deployment.
    pub fn sharing(&self) -> config::SharingScope {
        self.0.sharing
    }

    /// The largest file of an image, in bytes.
    pub fn max_size_bytes(&self) -> u64 {
        self.0.settings.max_size_bytes
    }

    /// How many uploads and stagings are under way.
    pub fn uploads_under_way(&self) -> usize {
        self.0.settings.max_uploads - self.0.uploads.available_permits()
    }

    /// The stores that images lie in.
    pub fn stores(&self) -> &Stores {
        &self.0.stores
    }

    /// Gives up the uploads that are still under way and waits until every fill has ended; call it when the requests had
    /// their time to end.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.fills.close();
        self.0.fills.wait().await;
    }

    /// Makes an image's record, `queued`, in the caller's project.
    ///
    /// # Errors
    /// `Forbidden` for what only others may set; `Invalid`, `TooLarge` for attributes that break a limit;
    /// `Conflict` for an id that is taken; `OverQuota`.
    pub async fn create(&self, caller: &Caller, attributes: record::Attributes) -> Result<Image> {
        self.adopt(caller, attributes, now_ms()).await
    }

    /// The same of an image that another service had: it keeps the time at which it was made there.
    ///
    /// # Errors
    /// As [`Images::create`].
    pub async fn adopt(&self, caller: &Caller, attributes: record::Attributes, created_ms: i64) -> Result<Image> {
        image_policy::may_make(caller)?;
        publish::check_attributes(caller, &attributes)?;
        let mut image = record::new_image(caller, attributes, self.0.sharing, created_ms)?;
        self.apply_hold(&mut image).await?;
        self.record_override(caller, image.id, None, &image).await?;
        self.0.db.insert_image(&image, 0, self.0.limits).await?;
        Ok(image)
    }

    /// Writes into the audit that the operator brought an image over, or brought it up to date.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be written.
    pub async fn record_adoption(&self, image: &Image) -> Result<()> {
        let Caller { user, request_id, .. } = Caller::operator();
        self.0
            .identity
            .record(Event {
                request_id,
                user_name: Some(user.name),
                project_id: Some(image.owner.to_string()),
                action: "image.adopt".into(),
                target_id: Some(image.id.to_string()),
                outcome: Outcome::Success,
                status: 200,
                ..Event::default()
            })
            .await
    }

    /// Shows an image.
    ///
    /// # Errors
    /// `NotFound` when there is none that the caller may see.
    pub async fn show(&self, caller: &Caller, id: ImageId) -> Result<Image> {
        self.allowed(caller, id, ImageAction::Show).await
    }

    /// Changes an image's record.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `TooLarge` as in [`Images::create`]; `Conflict` for what is not there to change.
    pub async fn change(&self, caller: &Caller, id: ImageId, changes: &[Change]) -> Result<Image> {
        for _ in 0..CHANGE_ATTEMPTS {
            let before = self.allowed(caller, id, ImageAction::Change).await?;
            publish::check_changes(caller, changes)?;
            let mut image = before.clone();
            patch::apply(caller, &mut image, changes, self.0.sharing)?;
            channels::check_change(&before, &image)?;
            self.gate_change(&before, &mut image).await?;
            self.record_override(caller, id, Some(&before), &image).await?;
            if self.0.db.update_image(&image).await? == Step::Done {
                self.settle_pending(&image).await?;
                return self.show(caller, id).await;
            }
        }
        Err(changed_by_others(id))
    }

    /// Deletes an image. Instances that run from it go on: they hold its disk themselves.
    ///
    /// # Errors
    /// `Forbidden` while it is protected.
    pub async fn delete(&self, caller: &Caller, id: ImageId) -> Result<()> {
        for _ in 0..CHANGE_ATTEMPTS {
            let image = self.allowed(caller, id, ImageAction::Change).await?;
            references::check_deletable(&image)?;
            if self.0.db.delete_image(id, image.revision).await? == Step::Done {
                return Ok(());
            }
        }
        Err(changed_by_others(id))
    }

    /// Withholds an active image from everybody but admins.
    ///
    /// # Errors
    /// `Forbidden` in any other state, as Glance has it.
    pub async fn deactivate(&self, caller: &Caller, id: ImageId) -> Result<()> {
        self.switch(caller, id, Status::Active, Status::Deactivated, "deactivate").await
    }

    /// Gives a deactivated image back.
    ///
    /// # Errors
    /// `Forbidden` in any other state, as Glance has it.
    pub async fn reactivate(&self, caller: &Caller, id: ImageId) -> Result<()> {
        self.switch(caller, id, Status::Deactivated, Status::Active, "reactivate").await
    }

    async fn switch(&self, caller: &Caller, id: ImageId, from: Status, to: Status, verb: &str) -> Result<()> {
        let image = self.allowed(caller, id, ImageAction::Change).await?;
        if image.status == to || self.0.db.change_status(id, from, to).await? == Step::Done {
            return Ok(());
        }
        let status = self.allowed(caller, id, ImageAction::Change).await?.status;
        if status == to {
            return Ok(());
        }
        Err(Error::Forbidden(format!("Not allowed to {verb} image in status '{status}'")))
    }

    /// Adds a tag.
    ///
    /// # Errors
    /// `Invalid` for a bad tag, `TooLarge` when the image has its number of tags.
    pub async fn add_tag(&self, caller: &Caller, id: ImageId, tag: &str) -> Result<()> {
        self.change_tags(caller, id, |tags| {
            tags.insert(tag.to_owned());
            Ok(())
        })
        .await
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// `NotFound` when the image has no such tag.
    pub async fn remove_tag(&self, caller: &Caller, id: ImageId, tag: &str) -> Result<()> {
        self.change_tags(caller, id, |tags| match tags.remove(tag) {
            true => Ok(()),
            false => Err(Error::NotFound(format!("Image {id} has no tag '{tag}'."))),
        })
        .await
    }

    async fn change_tags(
        &self,
        caller: &Caller,
        id: ImageId,
        change: impl Fn(&mut std::collections::BTreeSet<String>) -> Result<()>,
    ) -> Result<()> {
        for _ in 0..CHANGE_ATTEMPTS {
            let mut image = self.allowed(caller, id, ImageAction::Change).await?;
            let mut tags = record::tags_of(&image)?;
            change(&mut tags)?;
            record::set_tags(&mut image, tags)?;
            if self.0.db.update_image(&image).await? == Step::Done {
                return Ok(());
            }
        }
        Err(changed_by_others(id))
    }

    /// The usage of the caller's project, and its quotas.
    pub async fn usage(&self, caller: &Caller) -> Result<(ImageUsage, Limits)> {
        match &caller.project {
            Some(project) => Ok((self.0.db.image_usage(project.id).await?, self.limits_of(project.id).await?)),
            None => Ok((ImageUsage::default(), self.0.limits)),
        }
    }

    /// The limits that hold for a project.
    async fn limits_of(&self, project: ProjectId) -> Result<Limits> {
        Ok(self.0.db.own_limits(&project).await?.of_images(self.0.limits))
    }

    /// The moment when the caller may no longer do this with the image.
    fn right_ends(&self, caller: &Caller, id: ImageId, action: ImageAction) -> RightEnds {
        let (images, caller) = (self.clone(), caller.clone());
        RightEnds::when(move || {
            let (images, caller) = (images.clone(), caller.clone());
            async move { images.still_allowed(&caller, id, action).await }
        })
    }

    /// Whether the caller may do this with the image as its rights stand now.
    async fn still_allowed(&self, caller: &Caller, id: ImageId, action: ImageAction) -> Result<()> {
        let caller = self.0.identity.still(caller).await?;
        self.allowed(&caller, id, action).await.map(drop)
    }

    /// The image, if the caller may do this with it.
    async fn allowed(&self, caller: &Caller, id: ImageId, action: ImageAction) -> Result<Image> {
        let project = caller.project.as_ref().map(|project: &ProjectRef| project.id);
        let Some((mut image, membership)) = self.0.db.image(id, project).await? else { return Err(not_found(id)) };
        self.0.stores.sort(&mut image.stores);
        let membership = self.counted(membership);
        let facts = facts_of(&image, membership);
        let forbidden = || match action {
            ImageAction::Download | ImageAction::Launch if facts.is_deactivated && image.retire_ms.is_some() => {
                format!("Image {id} is a release that was withdrawn: take the current release of its channel.")
            }
            ImageAction::Download | ImageAction::Launch if facts.is_deactivated => {
                "The requested image has been deactivated. Image data download is forbidden.".into()
            }
            ImageAction::Launch => format!("You may not launch instances from image {id}."),
            _ => format!("You are not allowed to do this with image {id}."),
        };
        image_policy::image(caller, action, facts).or(forbidden, || not_found_text(id))?;
        Ok(image)
    }

    /// A deployment that does not share has no members, whatever was shared before it was set so.
    fn counted(&self, membership: Option<MemberStatus>) -> Option<MemberStatus> {
        membership.filter(|_| self.0.sharing != config::SharingScope::Off)
    }
}

/// The facts of an image that the rules need.
fn facts_of(image: &Image, membership: Option<MemberStatus>) -> ImageFacts {
    ImageFacts {
        owner: image.owner,
        visibility: image.visibility,
        is_held_back: image.public_hold.is_some(),
        is_deactivated: image.status == Status::Deactivated,
        membership,
    }
}

/// The answer when every one of [`CHANGE_ATTEMPTS`] came after somebody else's change.
fn changed_by_others(id: ImageId) -> Error {
    Error::Conflict(format!("image {id} is being changed by others at the same time; try again"))
}

fn not_found(id: ImageId) -> Error {
    Error::NotFound(not_found_text(id))
}

/// Glance's words. The same for an id that nobody has and for one the caller may not see.
fn not_found_text(id: ImageId) -> String {
    format!("No image found with ID {id}")
}
