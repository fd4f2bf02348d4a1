//! Tasks: imports as clients watch them.

use serde_json::Value;

use super::{Attributes, ImageTask, Images, Status, fill::task, publish, record};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::{
        Caller,
        image_policy::{self, ImageAction},
        policy,
    },
    ids::{ImageId, JobId},
    model::{
        fill::{FillKind, NewFill, Target},
        task::{TaskKind, TaskOrder, TaskPage, TaskStatus},
    },
    queue::{Queue, Source, Work},
};

/// The tasks of an image that are shown, the newest; older ones are soon forgotten.
const MAX_TASKS: u32 = 1000;

/// The conditions of a list of tasks.
#[derive(Clone, Debug, Default)]
pub struct ListTasks {
    pub status: Option<TaskStatus>,
    pub kind: Option<TaskKind>,
    pub marker: Option<JobId>,
    /// The column that orders them, before their age.
    pub order: TaskOrder,
    /// The smallest and the oldest first, not the greatest and the newest.
    pub is_ascending: bool,
    pub limit: u32,
}

/// An import that is asked for as a task: the image is made with it.
#[derive(Clone, Debug)]
pub struct NewTask {
    pub uri: String,
    pub attributes: Attributes,
    pub input: Value,
}

impl Images {
    /// The newest 1000 tasks of an image, the newest first. Only its project and admins see any: the input may hold
    /// an address that is nobody else's to know.
    ///
    /// # Errors
    /// `NotFound` when there is no image that the caller may see.
    pub async fn tasks_of(&self, caller: &Caller, id: ImageId) -> Result<Vec<ImageTask>> {
        let image = self.allowed(caller, id, ImageAction::Show).await?;
        if !image_policy::see_tasks_of_image(caller, image.owner) {
            return Ok(Vec::new());
        }
        self.0.db.image_tasks(&TaskPage { image: Some(id), limit: MAX_TASKS, ..TaskPage::default() }).await
    }

    /// A page of all tasks.
    ///
    /// # Errors
    /// `Forbidden` for all but admins; `Invalid` for a marker that is not a task.
    pub async fn tasks(&self, caller: &Caller, wanted: ListTasks) -> Result<Vec<ImageTask>> {
        policy::administer(caller, "see tasks; those of an image are at /v2/images/ID/tasks")?;
        let after = match wanted.marker {
            None => None,
            Some(id) => {
                let found = self.0.db.image_task(id).await?;
                let found = found.ok_or_else(|| Error::Invalid("Invalid marker. Task could not be found.".into()))?;
                Some(found)
            }
        };
        let page = TaskPage {
            status: wanted.status,
            kind: wanted.kind,
            image: None,
            after,
            order: wanted.order,
            is_ascending: wanted.is_ascending,
            limit: wanted.limit,
        };
        self.0.db.image_tasks(&page).await
    }

    /// One task.
    ///
    /// # Errors
    /// `Forbidden` for all but admins; `NotFound`.
    pub async fn task(&self, caller: &Caller, id: Option<JobId>) -> Result<ImageTask> {
        policy::administer(caller, "see tasks; those of an image are at /v2/images/ID/tasks")?;
        let found = match id {
            Some(id) => self.0.db.image_task(id).await?,
            None => None,
        };
        found.ok_or_else(|| Error::NotFound("There is no such task.".into()))
    }

    /// Makes an image and begins to import it.
    ///
    /// # Errors
    /// `Forbidden` for all but admins; as [`Images::create`] and [`Images::import`].
    pub async fn create_task(&self, caller: &Caller, wanted: NewTask) -> Result<ImageTask> {
        policy::administer(caller, "make tasks; import with POST /v2/images/ID/import")?;
        image_policy::may_make(caller)?;
        self.0.fetcher.accept(&wanted.uri)?;
        publish::check_attributes(caller, &wanted.attributes)?;
        let mut image = record::new_image(caller, wanted.attributes, self.0.sharing, now_ms())?;
        self.check_formats(&image)?;
        image.status = Status::Importing;
        let stores = [self.0.stores.default_store().name.clone()];
        let source = Source::Web { uri: wanted.uri };
        let work = Work::Import { image: image.id, source, stores: stores.to_vec(), all_must_succeed: true };
        let job = Queue::row(work, Some(caller))?;
        let mut task = task(caller, image.id, TaskKind::Import, &wanted.input)?;
        task.id = job.id;
        self.apply_hold(&mut image).await?;
        self.record_override(caller, image.id, None, &image).await?;
        let new = NewFill {
            job: Some(&job),
            task: Some(&task),
            stores: &stores,
            ..NewFill::of(FillKind::Import, Target::New(&image))
        };
        self.0.db.begin_fill(new, self.0.limits).await?;
        self.0.queue.wake();
        Ok(task)
    }

    /// Forgets tasks that ended long ago. Called by the clock.
    pub async fn forget_tasks(&self) -> Result<()> {
        self.0.db.forget_image_tasks(now_ms()).await
    }
}
