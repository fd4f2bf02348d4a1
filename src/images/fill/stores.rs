//! Images in several stores: copies to further ones, and out of one again.
//!
//! A copy has the same roots as what it is a copy of, and every byte of it was verified on the way. While it is under
//! way the image is as it was; a store is among the image's as soon as its copy is whole. The contents that a copy
//! reads are pinned in their store, so that the image may be taken out of that store, or deleted, at any moment.

use std::{collections::BTreeSet, sync::Arc};

use chunks::Digest;

use super::{
    super::{CHANGE_ATTEMPTS, Image, Images, Status, changed_by_others},
    Fill, Filled, for_owner, task,
};
use crate::{
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::{ImageId, JobId},
    model::{
        Step,
        fill::{CopyStep, Done, Ending, FillKind, NewFill, Target},
        image::StoreNames,
        task::{TaskKind, TaskStatus},
    },
    queue::{Job, Queue, Work},
    stores::{Session, Store, abandon, replicate},
};

/// The stores that something is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Their names; `None` for all of them that take something new.
    pub stores: Option<Vec<String>>,
    /// Whether it is for nothing when one of them cannot take it.
    pub all_must_succeed: bool,
}

impl Images {
    /// Takes an image's bytes out of one of the stores that have them.
    ///
    /// # Errors
    /// `Conflict` for a store that is not set up here and for an image that is not active; `NotFound` for a store that
    /// does not have it; `Forbidden` for the last store that does.
    pub async fn delete_from_store(&self, caller: &Caller, id: ImageId, store: &str) -> Result<()> {
        if self.0.stores.named(store).is_none() {
            let shown: String = store.chars().take(64).collect();
            return Err(Error::Conflict(format!("The selected store {shown} is not available on this node.")));
        }
        for _ in 0..CHANGE_ATTEMPTS {
            let image = self.allowed(caller, id, ImageAction::Change).await?;
            if image.status != Status::Active {
                let message = "It's not allowed to remove image data from store if image status is not 'active'";
                return Err(Error::Conflict(message.into()));
            }
            if image.stores.0.iter().all(|name| name != store) {
                return Err(Error::NotFound(format!("Image {id} is not stored on store {store}.")));
            }
            if image.stores.0 == [store] {
                let message =
                    "Cannot delete image data from the only store containing it. Consider deleting the image instead.";
                return Err(Error::Forbidden(message.into()));
            }
            if self.0.db.drop_copy(id, image.revision, store).await? == Step::Done {
                return Ok(());
            }
        }
        Err(changed_by_others(id))
    }

    /// The stores that something new goes to, in the order in which they were named.
    ///
    /// # Errors
    /// `Conflict` for a store that is not here or takes nothing new.
    pub(super) fn targets(&self, wanted: &Targets) -> Result<Vec<Arc<Store>>> {
        let Some(names) = &wanted.stores else { return Ok(self.0.stores.writable().cloned().collect()) };
        let mut targets: Vec<Arc<Store>> = Vec::new();
        for name in names {
            let store = self.0.stores.target(name).map_err(|error| Error::Conflict(error.to_string()))?;
            if targets.iter().all(|target| target.name != store.name) {
                targets.push(store.clone());
            }
        }
        Ok(targets)
    }

    /// How what is imported gets to the stores it is for.
    ///
    /// # Errors
    /// `Unavailable` when they have no room for it; `Conflict` as for [`Images::targets`].
    pub(super) fn spread(&self, targets: &Targets) -> Result<Spread> {
        let (mut takers, mut full, mut refusal) = (Vec::new(), Vec::new(), None);
        for store in self.targets(targets)? {
            match store.check_takes() {
                Ok(()) => takers.push(store),
                Err(error) if targets.all_must_succeed => return Err(error),
                Err(error) => {
                    full.push(store.name.clone());
                    refusal = Some(error);
                }
            }
        }
        if takers.is_empty() {
            return Err(refusal.unwrap_or_else(|| Error::Conflict("no store here accepts new images".into())));
        }
        let first = takers.remove(0);
        Ok(Spread { first, others: takers, full, all_must_succeed: targets.all_must_succeed })
    }

    /// Begins to copy an image to further stores; the task's id, or `None` when the image has changed since it was read.
    ///
    /// # Errors
    /// `Invalid` for a store that has it already; `OverQuota`; `Conflict` while it is being copied.
    pub(super) async fn begin_copies(
        &self,
        caller: &Caller,
        image: &Image,
        targets: &Targets,
        input: &serde_json::Value,
    ) -> Result<Option<JobId>> {
        let mut stores: Vec<String> = self.targets(targets)?.iter().map(|store| store.name.clone()).collect();
        if targets.stores.is_some()
            && let Some(present) = stores.iter().find(|store| image.stores.0.contains(store))
        {
            return Err(Error::Invalid(format!("Image is already present at store '{present}'")));
        }
        stores.retain(|store| !image.stores.0.contains(store));
        let mut task = task(caller, image.id, TaskKind::ApiImageImport, input)?;
        if stores.is_empty() {
            task.status = TaskStatus::Success;
            task.result = Some(serde_json::json!({ "image_id": image.id }).to_string());
            self.0.db.note_copy(image.id, &task).await?;
            return Ok(Some(task.id));
        }
        let all_must_succeed = targets.all_must_succeed;
        let work = Work::Copy { image: image.id, stores: stores.clone(), all_must_succeed };
        let job = Queue::row(work, Some(caller))?;
        task.id = job.id;
        let new = NewFill {
            job: Some(&job),
            task: Some(&task),
            stores: &stores,
            ..NewFill::of(FillKind::Copy, Target::Known(image))
        };
        if self.0.db.begin_fill(new, self.0.limits).await? == Step::Lost {
            if self.0.db.is_being_filled(image.id).await? {
                let id = image.id;
                return Err(Error::Conflict(format!("image {id} is being copied already; look at its tasks")));
            }
            return Ok(None);
        }
        self.0.queue.wake();
        Ok(Some(task.id))
    }

    /// Copies an image to further stores. The body of its job; a second run goes on where the first ended.
    ///
    /// # Errors
    /// `Unavailable` when the service ends, or the database is out of reach: the next run goes on.
    pub async fn run_copies(&self, job: &Job, id: ImageId, stores: &[String], all_must_succeed: bool) -> Result<()> {
        let Some(mut fill) = self.take_up_fill(id, job).await? else { return Ok(()) };
        let copied = fill.while_held(self.copy_each(&fill, stores, all_must_succeed)).await;
        let ended = match copied {
            Ok(failures) => {
                let failure = Some(failures.join("; ")).filter(|text| !text.is_empty());
                fill.end(Done::Copied(failure.as_deref()), Vec::new(), None).await
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) | Err(Error::Gone(_)) => {
                fill.release().await;
                Ok(())
            }
            Err(error) if Fill::may_go_on(job, &error) => {
                fill.release().await;
                Err(error)
            }
            Err(error) => {
                if all_must_succeed {
                    // One that is lost or deleted meanwhile has nothing to undo.
                    let _ = fill.copied(CopyStep::Undone(stores)).await;
                }
                fill.fail(&error, None).await;
                Err(error)
            }
        }
    }

    /// Copies to each store that is still waited for; why some of them did not take it.
    async fn copy_each(&self, fill: &Fill, stores: &[String], all_must_succeed: bool) -> Result<Vec<String>> {
        let (id, mut failures) = (fill.id, Vec::new());
        for name in stores {
            let Some((image, _)) = self.0.db.image(id, None).await? else {
                return Err(Error::Gone(format!("image {id} was deleted")));
            };
            if image.importing_to.as_ref().is_none_or(|waiting| !waiting.0.contains(name)) {
                continue;
            }
            match self.copy_to(&image, name).await {
                Ok(session) => {
                    let taken = fill.copied(CopyStep::Taken(&session.hold())).await;
                    let ((), session) = session.unless_failed(taken).await?;
                    session.finish().await;
                    tracing::info!(image.id = %id, store = name, "copied image {id} to the store {name}");
                }
                Err(error) => {
                    tracing::warn!(image.id = %id, store = name, "cannot copy image {id} to the store {name}: {error}");
                    failures.push(format!("{name}: {}", for_owner(&error)));
                    if all_must_succeed {
                        fill.copied(CopyStep::Undone(stores)).await?;
                        break;
                    }
                    fill.copied(CopyStep::Failed(name)).await?;
                }
            }
        }
        Ok(failures)
    }

    async fn copy_to(&self, image: &Image, store: &str) -> Result<Session> {
        let disk = image.disk_root.as_deref().ok_or_else(|| Error::internal(anyhow::anyhow!("no content")))?;
        let (from, _) = self.0.stores.open(&image.stores.0, disk).await?;
        let roots = roots_of([&image.file_root, &image.disk_root])?;
        replicate(from, self.0.stores.target(store)?, &roots).await
    }
}

impl Fill {
    async fn copied(&self, step: CopyStep<'_>) -> Result<()> {
        match self.images.0.db.change_copies(self.id, &self.lease.holder, step).await? {
            Ending::Done => Ok(()),
            lost => Err(self.lost(lost)),
        }
    }
}

/// How what is imported gets to the stores it is for.
pub(super) struct Spread {
    /// Where it is saved first; the others are copied from there.
    pub(super) first: Arc<Store>,
    others: Vec<Arc<Store>>,
    full: Vec<String>,
    all_must_succeed: bool,
}

impl Spread {
    /// Copies what was saved to the further stores, before anybody sees it in the first.
    ///
    /// # Errors
    /// Why a store could not take it, where all of them must.
    pub(super) async fn over(self, fill: &Fill, filled: Filled) -> Result<Filled> {
        let Filled { mut saved, mut sessions, with_checksums } = filled;
        let mut failed = self.full;
        let roots = roots_of([&saved.file_root, &saved.disk_root])?;
        for store in &self.others {
            let copied = match fill.reserve(saved.size_bytes as u64).await {
                Ok(()) => replicate(&self.first, store, &roots).await,
                Err(error) => Err(error),
            };
            match copied {
                Ok(session) => sessions.push(session),
                Err(error) if self.all_must_succeed => {
                    abandon(sessions).await;
                    return Err(error);
                }
                Err(error) => {
                    let (id, name) = (fill.id, &store.name);
                    tracing::warn!(image.id = %id, store = name, "cannot copy image {id} to the store {name}: {error}");
                    failed.push(name.clone());
                }
            }
        }
        saved.holds = sessions.iter().map(Session::hold).collect();
        saved.failed_stores = StoreNames(failed);
        Ok(Filled { saved, sessions, with_checksums })
    }
}

/// File and disk; of a raw file they are one.
fn roots_of(roots: [&Option<String>; 2]) -> Result<BTreeSet<Digest>> {
    roots.into_iter().flatten().map(|root| root.parse().map_err(Error::internal)).collect()
}
