//! All images of one store on their way to another, as the operator wants them: one command puts the copies into the
//! queue a few at a time, and the service makes them.

use std::collections::HashSet;

use super::super::{Image, Images};
use crate::{
    db::now_ms,
    error::{Error, Result},
    ids::{ImageId, UserId},
    model::{
        Step,
        fill::{FillKind, NewFill, Target},
        image::StoreNames,
        task::{ImageTask, TaskKind, TaskStatus},
        usage::Limits,
    },
    queue::{Queue, Work},
};

/// Copies that wait or are made at the same time: one that is ended leaves few behind.
const COPIES_AT_ONCE: u64 = 4;
/// Images that are read at once.
const PAGE: u32 = 200;

/// A move of all images of a store, and what came of it so far.
pub struct Move<'a> {
    images: &'a Images,
    from: String,
    to: String,
    /// Whether an image leaves the first store when it is in the second.
    leaves: bool,
    /// The images whose copies were begun here: of those alone a failure counts.
    begun: HashSet<ImageId>,
    /// Images that have left the first store.
    left: u64,
}

/// The places of a store's images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Those that the second store has.
    pub there: u64,
    /// Those whose copies are under way, or wait for it.
    pub under_way: u64,
    /// Those that could not be copied.
    pub failed: Vec<ImageId>,
}

impl<'a> Move<'a> {
    /// A move of what is in `from` to `to`.
    ///
    /// # Errors
    /// `Invalid` when they are one, there is no such store, or the second takes nothing new.
    pub fn new(images: &'a Images, from: &str, to: &str, leaves: bool) -> Result<Move<'a>> {
        let stores = &images.0.stores;
        stores.target(to)?;
        if from == to || stores.named(from).is_none() {
            return Err(Error::Invalid(format!("There is no other store '{from}' here to copy from.")));
        }
        Ok(Move { images, from: from.into(), to: to.into(), leaves, begun: HashSet::new(), left: 0 })
    }

    /// Looks at every image once, begins copies while few are under way, and takes those out of the first store that are
    /// to leave it.
    ///
    /// # Errors
    /// `Unavailable` when the database is out of reach.
    pub async fn step(&mut self) -> Result<Progress> {
        let mut progress = Progress { there: self.left, ..Progress::default() };
        let mut after = None;
        loop {
            let page = self.images.0.db.images_in_store(&self.from, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(progress) };
            after = Some(*last);
            for id in page {
                self.look(id, &mut progress).await?;
            }
        }
    }

    async fn look(&mut self, id: ImageId, progress: &mut Progress) -> Result<()> {
        let db = &self.images.0.db;
        let Some((image, _)) = db.image(id, None).await? else { return Ok(()) };
        let waits = |names: &Option<StoreNames>| names.as_ref().is_some_and(|names| names.0.contains(&self.to));
        if image.stores.0.contains(&self.to) {
            if !self.leaves {
                progress.there += 1;
            } else if db.drop_copy(id, image.revision, &self.from).await? == Step::Done {
                self.left += 1;
                progress.there = self.left;
            } else {
                // Changed meanwhile: it is looked at again.
                progress.under_way += 1;
            }
        } else if self.begun.contains(&id) && waits(&image.failed_import) {
            progress.failed.push(id);
        } else {
            let is_begun = waits(&image.importing_to);
            if !is_begun && progress.under_way < COPIES_AT_ONCE {
                self.begin(&image).await?;
            }
            progress.under_way += 1;
        }
        Ok(())
    }

    /// Puts one copy into the queue. Where the image changed, or has a fill of its own, the next look does.
    async fn begin(&mut self, image: &Image) -> Result<()> {
        let stores = [self.to.clone()];
        let work = Work::Copy { image: image.id, stores: stores.to_vec(), all_must_succeed: false };
        let job = Queue::row(work, None)?;
        let input = serde_json::json!({"import_req": {"method": {"name": "copy-image"}, "stores": stores}});
        let task = ImageTask {
            id: job.id,
            kind: TaskKind::ApiImageImport,
            image: image.id,
            owner: image.owner,
            user: UserId::nil(),
            request_id: String::new(),
            status: TaskStatus::Pending,
            input: input.to_string(),
            result: None,
            message: String::new(),
            created_ms: now_ms(),
            updated_ms: now_ms(),
            expires_ms: None,
        };
        let new = NewFill {
            job: Some(&job),
            task: Some(&task),
            stores: &stores,
            ..NewFill::of(FillKind::Copy, Target::Known(image))
        };
        // The project did not ask for the copy, so its quota does not count.
        if self.images.0.db.begin_fill(new, Limits::NONE).await? == Step::Done {
            self.begun.insert(image.id);
        }
        Ok(())
    }
}
