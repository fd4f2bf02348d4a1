//! Imports: an image's bytes come from where they are staged, or from an address, while nobody waits.
//!
//! The request makes the image `importing`, with a task that clients watch and a job of the same id. The job reads
//! the bytes and sends them down the one road ([`super::save`]), under a lease like an upload's. What goes wrong puts
//! the image back to `queued` with the reason; what was staged is given up with it. A clean end of the service leaves
//! the import to its next start.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::{Image, Images, Status, copies::Targets, leases, save::Intake};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction, policy},
    ids::{ImageId, JobId},
    jobs::{Job, Queue, Work},
    model::{
        Step,
        save::{Lease, Saved},
        task::ImageTask,
        usage::Limits,
    },
    stores::Session,
};

/// The ways of importing, as clients name them.
pub const METHODS: [&str; 4] = ["glance-direct", "web-download", "copy-image", "glance-download"];

/// Where an import's bytes come from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Source {
    /// They are staged.
    Staged,
    /// They are at an address.
    Web {
        /// The address.
        uri: String,
    },
    /// They are an image's of another image service in the catalog.
    Glance {
        /// The region it is in.
        region: String,
        /// Which of its endpoints.
        interface: String,
        /// The image there.
        image: ImageId,
        /// The address this service was asked at, which the catalog's own entries begin with.
        base: String,
    },
}

impl fmt::Debug for Source {
    /// Without the address: what is after its question mark may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Staged => "glance-direct",
            Source::Web { .. } => "web-download",
            Source::Glance { .. } => "glance-download",
        })
    }
}

/// An import as it is asked for. Not `Debug`: it holds a token.
#[derive(Clone)]
pub struct ImportImage {
    /// Where from; `None` copies the image from one store to others.
    pub source: Option<Source>,
    /// The stores it is for.
    pub targets: Targets,
    /// The request as it came, which the task shows.
    pub input: Value,
    /// The token that the request came with, for [`Source::Glance`].
    pub token: Option<String>,
}

impl Images {
    /// Begins an import; the task's id.
    ///
    /// # Errors
    /// `Conflict` for an image in another state than the method needs, or without its formats; `Invalid` for an
    /// address or a store that will not do; `Refused` for a format that is not taken.
    pub async fn import(&self, caller: &Caller, id: ImageId, wanted: ImportImage) -> Result<JobId> {
        let image = match &wanted.source {
            Some(_) => self.allowed(caller, id, ImageAction::Change).await?,
            None => {
                let image = self.allowed(caller, id, ImageAction::Show).await?;
                policy::administer(caller, "copy images between stores")?;
                image
            }
        };
        check_status(&image, wanted.source.as_ref())?;
        if image.container_format.is_none() || image.disk_format.is_none() {
            let message = "The image has no disk_format or no container_format: set both before it is imported.";
            return Err(Error::Conflict(message.into()));
        }
        let Some(source) = wanted.source else {
            return self.begin_copies(caller, image, wanted.targets, &wanted.input).await;
        };
        let stores = self.targets(&wanted.targets)?.iter().map(|store| store.name.clone()).collect::<Vec<_>>();
        let mut task = task(caller, id, "api_image_import", &wanted.input)?;
        match &source {
            Source::Web { uri } => drop(self.0.fetcher.accept(uri)?),
            Source::Glance { .. } if wanted.token.is_none() => {
                return Err(Error::Invalid("This import needs a request with X-Auth-Token.".into()));
            }
            Source::Glance { .. } | Source::Staged => {}
        }
        if !matches!(source, Source::Glance { .. }) {
            self.check_formats(&image)?;
        }
        let from = if source == Source::Staged { Status::Uploading } else { Status::Queued };
        let importing_to = stores.join(",");
        let work = Work::Import { image: id, source, stores, all_must_succeed: wanted.targets.all_must_succeed };
        let job = Queue::row(work, Some(caller))?;
        task.id = job.id;
        if let Some(token) = wanted.token {
            self.remote_tokens().insert(task.id, token);
        }
        if self.0.db.begin_import(from, &importing_to, &task, &job).await? == Step::Lost {
            self.remote_tokens().remove(&task.id);
            let message = format!("image {id} is being changed by another request; look at its status");
            return Err(Error::Conflict(message));
        }
        self.0.queue.wake();
        Ok(task.id)
    }

    /// Does an import. The body of its job.
    pub async fn run_import(&self, job: &Job, id: ImageId, source: &Source, targets: &Targets) -> Result<()> {
        let done = self.attempt_import(job, id, source, targets).await;
        if !job.stop.is_cancelled() {
            self.remote_tokens().remove(&job.id);
        }
        done
    }

    async fn attempt_import(&self, job: &Job, id: ImageId, source: &Source, targets: &Targets) -> Result<()> {
        let task = job.id.to_string();
        let Some((image, _)) = self.0.db.image(id, None).await? else { return Ok(()) };
        let lease = leases::new_lease();
        // Who waits in the queue of imports needs no second place among the uploads.
        let limits = Limits { uploads: i64::MAX, ..self.0.limits };
        match self.0.db.hold_import(id, &task, &lease, 0, limits).await {
            Ok(Step::Done) => {}
            // It was given up or deleted meanwhile.
            Ok(Step::Lost) => return Ok(()),
            Err(Error::OverQuota(reason)) => return self.0.db.fail_import(id, &task, &reason).await,
            Err(error) => return Err(error),
        }
        let staged_bytes = self.staged_bytes(&image).await.unwrap_or_default();
        let work = async {
            let spread = self.spread(targets)?;
            let mut intake = Intake {
                images: self,
                id,
                store: spread.first.clone(),
                lease: &lease,
                reserved: staged_bytes as u64,
                received: 0,
                told: Some(Instant::now()),
            };
            let mut opened = self.open_source(job, &image, source).await?;
            self.check_size(opened.declared.size_bytes.unwrap_or_default())?;
            let (saved, session) = intake.run(&opened.image, &opened.declared, &mut opened.body).await?;
            let (saved, sessions) = spread.over(&intake, saved, session).await?;
            Ok((opened.image, saved, sessions))
        };
        let outcome = tokio::select! {
            outcome = self.while_held(id, &lease, work) => outcome,
            () = job.stop.cancelled() => Err(Error::Unavailable("the service is stopping".into())),
        };
        match outcome {
            Ok((image, saved, sessions)) => self.finish_import(image, source, &lease, saved, sessions).await,
            Err(error) if job.stop.is_cancelled() => {
                self.0.db.release_import(id, &lease.holder, staged_bytes).await?;
                Err(error)
            }
            Err(error) => {
                self.give_up(id, &lease, &error).await;
                Ok(())
            }
        }
    }

    async fn finish_import(
        &self,
        image: Image,
        source: &Source,
        lease: &Lease,
        saved: Saved,
        sessions: Vec<Session>,
    ) -> Result<()> {
        if let Source::Glance { .. } = source {
            self.take_over_record(&image).await?;
        }
        if let Err(error) = self.finish(image.id, lease, saved, sessions).await {
            tracing::info!(image.id = %image.id, "the import of image {} came to nothing: {error}", image.id);
        }
        Ok(())
    }

    async fn staged_bytes(&self, image: &Image) -> Result<i64> {
        match &image.staged_root {
            Some(root) => Ok(self.reader(image, root).await?.size_bytes() as i64),
            None => Ok(0),
        }
    }

    pub(super) fn remote_tokens(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<JobId, String>> {
        self.0.remote_tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Glance's rules and words, which its clients match.
fn check_status(image: &Image, source: Option<&Source>) -> Result<()> {
    let message = match (source, image.status) {
        (None, Status::Active) => return Ok(()),
        (None, _) => "Only images with status active can be targeted for copying".to_owned(),
        (Some(_), Status::Active) => "Image with status active cannot be target for import".into(),
        (Some(Source::Staged), Status::Uploading) if image.staged_root.is_some() => return Ok(()),
        (Some(Source::Staged), _) => "Image needs to be staged before 'glance-direct' method can be used".into(),
        (Some(Source::Web { .. } | Source::Glance { .. }), Status::Queued) => return Ok(()),
        (Some(source), _) => {
            format!("Image needs to be in 'queued' state to use '{source:?}' method")
        }
    };
    Err(Error::Conflict(message))
}

pub(super) fn task(caller: &Caller, image: ImageId, kind: &str, input: &Value) -> Result<ImageTask> {
    let Some(project) = &caller.project else {
        return Err(Error::Forbidden("An import is asked for in a project: use a token that is scoped to one.".into()));
    };
    Ok(ImageTask {
        id: JobId::new(),
        kind: kind.into(),
        image,
        owner: project.id,
        user: caller.user.id,
        request_id: caller.request_id.clone(),
        status: "pending".into(),
        input: serde_json::to_string(input).map_err(Error::internal)?,
        result: None,
        message: String::new(),
        created_ms: now_ms(),
        updated_ms: now_ms(),
        expires_ms: None,
    })
}
