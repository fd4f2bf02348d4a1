//! Imports: an image's bytes come from where they are staged, or from an address, while nobody waits.
//!
//! The request makes the image `importing`, with a task that clients watch and a job of the same id. The job reads
//! the bytes as if a client sent them ([`super::bytes`]). A failure puts the image back to `queued` with the reason,
//! and gives up what was staged. A clean end of the service leaves the import to its next start.

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    super::{CHANGE_ATTEMPTS, Image, Images, Status},
    Fill, Filled,
    bytes::Intake,
    snapshot,
    stores::Targets,
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction, policy},
    ids::{ImageId, JobId},
    model::{
        Step,
        fill::{FillKind, NewFill, Target},
        task::{ImageTask, TaskKind, TaskStatus},
    },
    queue::{Job, Queue, Source, Work},
};

/// The ways of importing, as clients name them.
pub const METHODS: [&str; 4] = ["glance-direct", "web-download", "copy-image", "glance-download"];

/// An import as it is asked for. Not `Debug`: it holds a token.
#[derive(Clone)]
pub struct ImportImage {
    /// Where from; `None` copies the image from one store to others.
    pub source: Option<Source>,
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
        for _ in 0..CHANGE_ATTEMPTS {
            if let Some(task) = self.begin_import(caller, id, &wanted).await? {
                return Ok(task);
            }
        }
        let message = format!("image {id} is being changed by another request; look at its status");
        Err(Error::Conflict(message))
    }

    /// The same; `None` when the image has changed since it was judged.
    async fn begin_import(&self, caller: &Caller, id: ImageId, wanted: &ImportImage) -> Result<Option<JobId>> {
        let image = match &wanted.source {
            Some(_) => self.allowed(caller, id, ImageAction::Change).await?,
            None => {
                let image = self.allowed(caller, id, ImageAction::Show).await?;
                policy::administer(caller, "copy images between stores")?;
                image
            }
        };
        let is_staged = self.0.db.staged_bytes(id).await?.is_some();
        check_status(&image, wanted.source.as_ref(), is_staged)?;
        if image.container_format.is_none() || image.disk_format.is_none() {
            let message = "The image has no disk_format or no container_format: set both before it is imported.";
            return Err(Error::Conflict(message.into()));
        }
        let Some(source) = &wanted.source else {
            return self.begin_copies(caller, &image, &wanted.targets, &wanted.input).await;
        };
        let stores = self.targets(&wanted.targets)?.iter().map(|store| store.name.clone()).collect::<Vec<_>>();
        let mut task = task(caller, id, TaskKind::ApiImageImport, &wanted.input)?;
        match source {
            Source::Web { uri } => drop(self.0.fetcher.accept(uri)?),
            Source::Glance { .. } if wanted.token.is_none() => {
                return Err(Error::Invalid("This import needs a request with X-Auth-Token.".into()));
            }
            Source::Glance { .. } | Source::Staged => {}
        }
        if !matches!(source, Source::Glance { .. }) {
            self.check_formats(&image)?;
        }
        let all_must_succeed = wanted.targets.all_must_succeed;
        let work = Work::Import { image: id, source: source.clone(), stores: stores.clone(), all_must_succeed };
        let job = Queue::row(work, Some(caller))?;
        task.id = job.id;
        // The job may begin before this goes on.
        if let Some(token) = &wanted.token {
            self.remote_tokens().insert(task.id, token.clone());
        }
        let new = NewFill {
            job: Some(&job),
            task: Some(&task),
            stores: &stores,
            ..NewFill::of(FillKind::Import, Target::Known(&image))
        };
        let begun = self.0.db.begin_fill(new, self.0.limits).await;
        if !matches!(begun, Ok(Step::Done)) {
            self.remote_tokens().remove(&task.id);
            return begun.map(|_| None);
        }
        self.0.queue.wake();
        Ok(Some(task.id))
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
        let Some(fill) = self.take_up_fill(id, job).await? else { return Ok(()) };
        let filled = match self.0.db.image(id, None).await {
            Ok(Some((image, _))) => fill.while_held(self.fetch_into(&fill, job, image, source, targets)).await,
            // It was deleted since it was taken up.
            Ok(None) => return fill.settle(Err(Error::Gone(format!("image {id} was deleted")))).await,
            Err(error) => Err(error),
        };
        match filled {
            // A file that came in parts may have taken days, and another attempt costs its client nothing.
            Err(error) if job.stop.is_cancelled() || fill.came_in_parts && Fill::may_go_on(job, &error) => {
                fill.release().await;
                Err(error)
            }
            filled => {
                if let Err(error) = fill.settle(filled).await {
                    tracing::info!(image.id = %id, "the import of image {id} failed: {error}");
                }
                Ok(())
            }
        }
    }

    async fn fetch_into(
        &self,
        fill: &Fill,
        job: &Job,
        image: Image,
        source: &Source,
        targets: &Targets,
    ) -> Result<Filled> {
        // It was refused here, not when it was asked for, if others were staged since.
        fill.reserve(0).await?;
        let spread = self.spread(targets)?;
        let mut intake = Intake {
            store: spread.first.clone(),
            reserved: fill.staged.as_ref().map_or(0, |staged| staged.bytes as u64),
            received: 0,
            told: Some(Instant::now()),
            is_snapshot: matches!(source, Source::Staged) && snapshot::is_one(&image)?,
        };
        let mut opened = self.open_source(job, fill, &image, source).await?;
        self.check_size(opened.declared.size_bytes.unwrap_or_default())?;
        let filled = intake.fill(fill, &opened.image, &opened.declared, &mut opened.body).await?;
        let filled = spread.over(fill, filled).await?;
        if let Source::Glance { .. } = source
            && let Err(error) = self.take_over_record(&opened.image).await
        {
            filled.abandon().await;
            return Err(error);
        }
        Ok(filled)
    }

    pub(super) fn remote_tokens(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<JobId, String>> {
        self.0.remote_tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Glance's rules and words, which its clients match.
fn check_status(image: &Image, source: Option<&Source>, is_staged: bool) -> Result<()> {
    let message = match (source, image.status) {
        (None, Status::Active) => return Ok(()),
        (None, _) => "Only images with status active can be targeted for copying".to_owned(),
        (Some(_), Status::Active) => "Image with status active cannot be target for import".into(),
        (Some(Source::Staged), Status::Uploading) if is_staged => return Ok(()),
        (Some(Source::Staged), _) => "Image needs to be staged before 'glance-direct' method can be used".into(),
        (Some(Source::Web { .. } | Source::Glance { .. }), Status::Queued) => return Ok(()),
        (Some(source), _) => {
            format!("Image needs to be in 'queued' state to use '{source:?}' method")
        }
    };
    Err(Error::Conflict(message))
}

/// The request without the queries of its addresses: they often are a secret, and everybody in the project reads tasks.
fn without_queries(input: &Value) -> Value {
    match input {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), without_queries(value))).collect::<Map<_, _>>().into()
        }
        Value::String(text) if text.contains("://") => match text.split_once('?') {
            Some((address, _)) => format!("{address}?...").into(),
            None => input.clone(),
        },
        other => other.clone(),
    }
}

/// The most bytes of a request that a task keeps: an image may have many tasks, and each is kept for days.
const MAX_INPUT_BYTES: usize = 8 << 10;

pub(in crate::images) fn task(caller: &Caller, image: ImageId, kind: TaskKind, input: &Value) -> Result<ImageTask> {
    let Some(project) = &caller.project else {
        return Err(Error::Forbidden("An import needs a project: use a token that is scoped to one.".into()));
    };
    let input = serde_json::to_string(&without_queries(input)).map_err(Error::internal)?;
    if input.len() > MAX_INPUT_BYTES {
        return Err(Error::TooLarge(format!("The request of an import may have at most {MAX_INPUT_BYTES} bytes.")));
    }
    Ok(ImageTask {
        id: JobId::new(),
        kind,
        image,
        owner: project.id,
        user: caller.user.id,
        request_id: caller.request_id.clone(),
        status: TaskStatus::Pending,
        input,
        result: None,
        message: String::new(),
        created_ms: now_ms(),
        updated_ms: now_ms(),
        expires_ms: None,
    })
}
