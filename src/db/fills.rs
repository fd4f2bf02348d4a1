//! The rows of fills: images on their way to bytes.
//!
//! A row lives from the first step to the last. Every step is one transaction that locks the image's row before the
//! fill's, so that two steps on one image wait for each other and never block each other for good.

use sqlx::Row as _;

use super::{
    Database, Write,
    chunks::hold_session,
    image_copies::Copies,
    image_tasks,
    image_usage::{self, Change},
    images, instances, jobs, now_ms, parts,
    statement::sql,
};
use crate::{
    error::Result,
    ids::{ImageId, JobId, ProjectId},
    model::{
        Step,
        fill::{
            Done, Ending, FillKind, Hold, Lease, NewFill, Overdue, Reasons, Saved, Sign, StagedBytes, TakenFill, Target,
        },
        image::{Image, Status, StoreNames},
        instance::StateChange,
        task::ImageTask,
        usage::Limits,
    },
};

/// The rows of an image and its fill, locked.
pub(super) struct Held {
    pub(super) status: Status,
    pub(super) copies: Copies,
    kind: FillKind,
    is_held: bool,
    /// Whether a job goes on with it.
    has_job: bool,
    staged: Option<StagedBytes>,
    /// Whether the file came in parts, or does.
    is_of_parts: bool,
    /// How often its import was taken up.
    runs: i64,
    sha512: Option<String>,
}

/// How often an import of what came in parts may die with its service before it is given up.
const MAX_RUNS: i64 = 10;

impl Database {
    /// Begins a fill: the image is in the road's state, its bytes are counted in advance, and its job is in the queue.
    ///
    /// # Errors
    /// `OverQuota` when the project has no room; `Conflict` for the id of a new image that is taken.
    pub async fn begin_fill(&self, new: NewFill<'_>, limits: Limits) -> Result<Step> {
        let mut write = self.write().await?;
        let id = match new.image {
            Target::New(image) => {
                images::insert(&mut write, image, new.reserve_bytes, limits).await?;
                image.id
            }
            Target::Known(image) => {
                let id = image.id;
                let Some(owner) = claim(&mut write, image, &new).await? else { return Ok(Step::Lost) };
                if new.lease.is_some() || new.parts.is_some() {
                    let uploads = i64::from(new.lease.is_some());
                    let upload = Change { uploads, bytes: new.reserve_bytes, ..Change::default() };
                    image_usage::count(&mut write, owner, upload, limits).await?;
                }
                if matches!(new.kind, FillKind::Stage | FillKind::Parts) {
                    image_usage::check_staged(&mut write, owner, limits).await?;
                }
                id
            }
        };
        if insert(&mut write, id, &new).await? == Step::Lost {
            return Ok(Step::Lost);
        }
        if let Some(new) = new.parts {
            parts::name(&mut write, id, &new).await?;
        }
        if let Some(task) = new.task {
            name_import(&mut write, id, task, &new, limits).await?;
        }
        if let Some(job) = new.job {
            jobs::insert(&mut write, job).await?;
        }
        if let Some(change) = new.instance {
            instances::write_state(&mut write, change).await?;
        }
        write.commit().await?;
        Ok(Step::Done)
    }

    /// A job begins to work on its fill, under `lease`. An earlier run of the job that is still at work loses it.
    pub async fn take_up_fill(&self, id: ImageId, job: JobId, lease: &Lease) -> Result<Option<TakenFill>> {
        let mut write = self.write().await?;
        let Some(held) = lock(&mut write, id, Whose::Job(job)).await? else { return Ok(None) };
        if held.status == Status::Deleted {
            remove(&mut write, id, &held).await?;
            write.commit().await?;
            return Ok(None);
        }
        if held.kind.is_an_upload() && !held.is_held {
            // An import waited its turn in its queue: it needs no second place among the uploads.
            let upload = Change { uploads: 1, ..Change::default() };
            image_usage::count(&mut write, held.copies.owner, upload, Limits::NONE).await?;
        }
        hold(&mut write, id, lease).await?;
        image_tasks::note_those_of(&mut write, id, "").await?;
        write.commit().await?;
        let Held { kind, staged, is_of_parts, sha512, .. } = held;
        Ok(Some(TakenFill { kind, staged, is_of_parts, sha512 }))
    }

    /// Shows a sign of life, tells how far the fill is, and counts more bytes for it.
    ///
    /// # Errors
    /// `OverQuota` when the project has no room for so many more.
    pub async fn renew_fill(&self, id: ImageId, lease: &Lease, sign: &Sign, limits: Limits) -> Result<Ending> {
        let mut write = self.write().await?;
        let held = match lock_own(&mut write, id, &lease.holder).await? {
            Ok(held) if held.status == Status::Deleted => return Ok(Ending::Gone),
            Ok(held) => held,
            Err(ending) => return Ok(ending),
        };
        let text = "update fills set lease_until_ms = $2 where image_id = $1";
        sql!(text, id, now_ms() + lease.ms).run(&mut write).await?;
        if let Some((percent, words)) = &sign.progress {
            let text = "update images set progress = $2, revision = revision + 1 where id = $1";
            sql!(text, id, *percent).run(&mut write).await?;
            image_tasks::note_those_of(&mut write, id, words).await?;
        }
        if sign.more_bytes > 0 {
            let more = Change { bytes: sign.more_bytes, ..Change::default() };
            image_usage::count(&mut write, held.copies.owner, more, limits).await?;
            let text = "update images set charged_bytes = charged_bytes + $2 where id = $1";
            sql!(text, id, sign.more_bytes).run(&mut write).await?;
        }
        // A file in parts was promised its room when it began.
        if matches!(held.kind, FillKind::Stage | FillKind::Import) && !held.is_of_parts {
            image_usage::check_staged(&mut write, held.copies.owner, limits).await?;
        }
        write.commit().await?;
        Ok(Ending::Done)
    }

    /// Ends a fill well; `instance` is what becomes of the captured instance in the same transaction. An image that was
    /// deleted meanwhile goes, and its instance is free all the same.
    ///
    /// # Errors
    /// `OverQuota` when the file turned out larger than was reserved and the project has no room; `Unavailable` when
    /// the store gave the session up.
    pub async fn finish_fill(
        &self,
        id: ImageId,
        holder: &str,
        done: Done<'_>,
        limits: Limits,
        instance: Option<&StateChange>,
    ) -> Result<Ending> {
        self.end_fill(id, holder, LastStep::Finish(done, limits), instance).await
    }

    /// Ends a fill with the reason: the image is queued again, and nothing of the fill is counted any more. Of a copy
    /// to further stores the image stays active, without the stores that it did not come to.
    pub async fn fail_fill(
        &self,
        id: ImageId,
        holder: &str,
        reason: &str,
        instance: Option<&StateChange>,
    ) -> Result<Ending> {
        self.end_fill(id, holder, LastStep::Fail(reason), instance).await
    }

    /// Lets a fill go that another run of its job goes on with. Its staged bytes are kept.
    pub async fn release_fill(&self, id: ImageId, holder: &str) -> Result<Ending> {
        self.end_fill(id, holder, LastStep::Release, None).await
    }

    /// Fails the fills that nobody will go on with: those of requests without a sign of life, staged bytes that were never
    /// imported, and files in parts of which no more came. Fills of jobs are let go, for the job's next run; but an import
    /// whose service died under it fails, in case its source is what the service died of. One of a file that came in parts
    /// may take days to send again: it is tried a few times more. Of a file in parts, what has come waits for its client.
    pub async fn lapse_fills(&self, overdue: Overdue, reasons: Reasons<'_>) -> Result<Vec<ImageId>> {
        let due = format!("select image_id from fills where {}", lapsed(["$1", "$2", "$3"]));
        let Overdue { lease_ms, staged_ms, parts_ms } = overdue;
        // Asked without the writer's place in the queue: there hardly ever is any.
        let due: Vec<ImageId> = sql!(sqlx::AssertSqlSafe(due), lease_ms, staged_ms, parts_ms).column(self).await?;
        let mut failed = Vec::new();
        for id in due {
            let mut write = self.write().await?;
            let Some(held) = lock(&mut write, id, Whose::Lapsed(overdue)).await? else { continue };
            match held.status {
                Status::Deleted => remove(&mut write, id, &held).await?,
                _ if held.may_go_on() => {
                    sql!("update fills set runs = runs + 1 where image_id = $1", id).run(&mut write).await?;
                    release(&mut write, id, &held).await?;
                }
                _ => {
                    fail(&mut write, id, &held, if held.is_held { reasons.lapsed } else { reasons.stale }).await?;
                    failed.push(id);
                }
            }
            write.commit().await?;
        }
        Ok(failed)
    }

    /// Whether an image is on its way to bytes.
    pub async fn is_being_filled(&self, id: ImageId) -> Result<bool> {
        let found = sqlx::query("select 1 from fills where image_id = $1").bind(id.to_string());
        Ok(found.fetch_optional(self.reads()).await?.is_some())
    }

    /// The bytes that wait to be imported into an image.
    pub async fn staged_bytes(&self, id: ImageId) -> Result<Option<StagedBytes>> {
        let text = "select staged_root, staged_bytes from fills \
                    where image_id = $1 and staged_root is not null and kind <> 'parts'";
        Ok(sql!(text, id).row(self).await?.map(|(root, bytes)| StagedBytes { root, bytes }))
    }

    /// The last step of a holder. It frees the captured instance, whatever has become of the image; unless another run
    /// of the job holds the fill, which frees the instance later.
    async fn end_fill(
        &self,
        id: ImageId,
        holder: &str,
        step: LastStep<'_>,
        instance: Option<&StateChange>,
    ) -> Result<Ending> {
        let disk = match &step {
            LastStep::Finish(Done::Saved(saved, _), _) => saved
                .disk_root
                .clone()
                .zip(saved.holds.first().map(|hold| hold.store.clone()))
                .zip(Some(saved.disk_bytes)),
            _ => None,
        };
        let mut write = self.write().await?;
        let ending = match lock_own(&mut write, id, holder).await? {
            Ok(held) if held.status == Status::Deleted => {
                remove(&mut write, id, &held).await?;
                Ending::Gone
            }
            Ok(held) => {
                match step {
                    LastStep::Finish(done, limits) => finish(&mut write, id, &held, done, limits).await?,
                    LastStep::Fail(reason) => fail(&mut write, id, &held, reason).await?,
                    LastStep::Release => release(&mut write, id, &held).await?,
                }
                Ending::Done
            }
            Err(ending) => ending,
        };
        if let Some(change) = instance.filter(|_| ending != Ending::Lost) {
            end_capture(&mut write, change, ending, disk).await?;
        }
        write.commit().await?;
        Ok(ending)
    }
}

/// Frees an instance; one that leaves its host stands on the disk of its image from now on.
async fn end_capture(
    write: &mut Write,
    change: &StateChange,
    ending: Ending,
    disk: Option<((String, String), i64)>,
) -> Result<()> {
    match disk.filter(|_| ending == Ending::Done) {
        Some(((root, store), bytes)) => {
            instances::write_state(write, change).await?;
            if change.leaves_host() {
                instances::rebase(write, change.id, &root, &store, bytes).await?;
            }
            Ok(())
        }
        None => instances::write_state(write, &change.without_image()).await,
    }
}

/// The step that a holder takes last.
enum LastStep<'a> {
    Finish(Done<'a>, Limits),
    Fail(&'a str),
    Release,
}

/// Puts an image that is there into the state of the road; its owner, or `None` when it has changed since it was judged.
async fn claim(write: &mut Write, image: &Image, new: &NewFill<'_>) -> Result<Option<ProjectId>> {
    let row = if new.kind == FillKind::Copy {
        // It stays as it is: only the stores it is in grow.
        let text = "update images set revision = revision + 1 \
                    where id = $1 and status = $2 and revision = $3 returning owner";
        sqlx::query(text)
            .bind(image.id.to_string())
            .bind(image.status.into_str())
            .bind(image.revision)
            .fetch_optional(&mut **write)
            .await?
    } else {
        sqlx::query(
            "update images set status = $3, progress = $4, reason = null, charged_bytes = charged_bytes + $5, \
             updated_ms = $6, revision = revision + 1 \
             where id = $1 and status = $2 and revision = $7 returning owner",
        )
        .bind(image.id.to_string())
        .bind(image.status.into_str())
        .bind(new.kind.status().into_str())
        .bind((new.kind == FillKind::Import).then_some(0_i64))
        .bind(new.reserve_bytes)
        .bind(now_ms())
        .bind(image.revision)
        .fetch_optional(&mut **write)
        .await?
    };
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Adds the fill's row. An image has one fill at a time; only bytes that are wholly staged become an import.
async fn insert(write: &mut Write, id: ImageId, new: &NewFill<'_>) -> Result<Step> {
    sql!(
        "insert into fills (image_id, kind, job_id, holder, lease_until_ms) values ($1, $2, $3, $4, $5) \
         on conflict (image_id) do update set kind = 'import', job_id = $3 \
         where $2 = 'import' and fills.kind = 'stage' and fills.holder is null and fills.staged_root is not null",
        id,
        new.kind,
        new.job.map(|job| job.id.to_string()),
        new.lease.map(|lease| lease.holder.clone()),
        new.lease.map(|lease| now_ms() + lease.ms)
    )
    .run(write)
    .await
    .map(Step::of)
}

/// Names the task and the stores of an import or a copy on the image, as clients see them.
async fn name_import(
    write: &mut Write,
    id: ImageId,
    task: &ImageTask,
    new: &NewFill<'_>,
    limits: Limits,
) -> Result<()> {
    // Before its stores are named: the charge that is read is for those that have it.
    let copies = if new.kind == FillKind::Copy { Copies::lock(write, id).await? } else { None };
    let text = "update images set import_task = $2, importing_to = $3, failed_import = '' where id = $1";
    sql!(text, id, task.id, StoreNames(new.stores.to_vec())).run(write).await?;
    if let Some((_, mut copies)) = copies {
        copies.begin(new.stores);
        copies.settle(write, id, limits).await?;
    }
    image_tasks::insert(write, task).await
}

/// Whether a fill has a job that waits or runs, as a number.
const HAS_JOB: &str =
    "(select count(*) from jobs where jobs.id = fills.job_id and jobs.state in ('waiting', 'running'))";

/// The fills that nobody goes on with: their lease has lapsed, their bytes wait too long, or their job has ended without
/// them, which only a database that came and went at the wrong moments can bring about.
fn lapsed([lease, staged, parts]: [&str; 3]) -> String {
    format!(
        "lease_until_ms < {lease} or kind = 'stage' and holder is null and staged_ms < {staged} \
         or kind = 'parts' and holder is null and staged_ms < {parts} \
         or holder is null and job_id is not null and {HAS_JOB} = 0"
    )
}

/// The name of the fill to lock: its holder or its job.
pub(super) enum Whose<'a> {
    /// The one that is held under this name.
    Holder(&'a str),
    /// The one of this job, whoever holds it.
    Job(JobId),
    /// The one that takes a file in parts, whoever holds it.
    Parts,
    /// One that is still due to be given up.
    Lapsed(Overdue),
}

/// Locks the rows of an image and of its fill; `None` when there is no such fill. The image's row comes first, as in
/// every step: PostgreSQL would find two transactions that lock them the other way round blocking each other.
pub(super) async fn lock(write: &mut Write, id: ImageId, whose: Whose<'_>) -> Result<Option<Held>> {
    let Some((status, copies)) = Copies::lock(write, id).await? else { return Ok(None) };
    let which = match whose {
        Whose::Holder(_) => "holder = $2",
        Whose::Job(_) => "job_id = $2",
        Whose::Parts => "kind = 'parts'",
        Whose::Lapsed { .. } => &lapsed(["$2", "$3", "$4"]),
    };
    let text = format!(
        "select kind, holder, staged_root, staged_bytes, {HAS_JOB}, whole_bytes, runs, sha512 from fills \
         where image_id = $1 and ({which})"
    );
    let statement = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id.to_string());
    let statement = match whose {
        Whose::Holder(holder) => statement.bind(holder.to_owned()),
        Whose::Job(job) => statement.bind(job.to_string()),
        Whose::Parts => statement,
        Whose::Lapsed(Overdue { lease_ms, staged_ms, parts_ms }) => {
            statement.bind(lease_ms).bind(staged_ms).bind(parts_ms)
        }
    };
    let Some(row) = statement.fetch_optional(&mut **write).await? else { return Ok(None) };
    let (root, bytes): (Option<String>, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
    Ok(Some(Held {
        status,
        copies,
        kind: row.try_get(0)?,
        is_held: row.try_get::<Option<String>, _>(1)?.is_some(),
        has_job: row.try_get::<i64, _>(4)? != 0,
        staged: root.zip(bytes).map(|(root, bytes)| StagedBytes { root, bytes }),
        is_of_parts: row.try_get::<Option<i64>, _>(5)?.is_some(),
        runs: row.try_get(6)?,
        sha512: row.try_get(7)?,
    }))
}

/// Locks the fill that is held under this name; else why it is not.
pub(super) async fn lock_own(write: &mut Write, id: ImageId, holder: &str) -> Result<Result<Held, Ending>> {
    if let Some(held) = lock(write, id, Whose::Holder(holder)).await? {
        return Ok(Ok(held));
    }
    let found = sqlx::query("select 1 from images where id = $1").bind(id.to_string()).fetch_optional(&mut **write);
    Ok(Err(if found.await?.is_some() { Ending::Lost } else { Ending::Gone }))
}

impl Held {
    /// Whether somebody is at work on it, or was until its lease lapsed.
    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// The place among the uploads that goes with its holder.
    fn takes_an_upload(&self) -> bool {
        self.is_held && self.kind.is_an_upload()
    }

    /// Whether somebody may go on with it after its holder was lost: the next run of its job, or the client that sends it in
    /// parts.
    fn may_go_on(&self) -> bool {
        match self.kind {
            FillKind::Parts => self.is_held,
            FillKind::Import => self.has_job && self.is_of_parts && self.runs < MAX_RUNS,
            _ => self.has_job,
        }
    }
}

/// Somebody is at work on it from now on, under this lease.
pub(super) async fn hold(write: &mut Write, id: ImageId, lease: &Lease) -> Result<()> {
    let text = "update fills set holder = $2, lease_until_ms = $3 where image_id = $1";
    sql!(text, id, &lease.holder, now_ms() + lease.ms).run(write).await.map(drop)
}

/// Counts what the image comes to instead of what was reserved, and gives its place among the uploads back.
pub(super) async fn settle(write: &mut Write, held: &Held, charged_bytes: i64, limits: Limits) -> Result<()> {
    let more = charged_bytes - held.copies.charged_bytes;
    // The reserved bytes are settled even where the quota was lowered meanwhile.
    let limits = if more > 0 { limits } else { Limits::NONE };
    let change = Change { bytes: more, uploads: -i64::from(held.takes_an_upload()), ..Change::default() };
    image_usage::count(write, held.copies.owner, change, limits).await
}

async fn finish(write: &mut Write, id: ImageId, held: &Held, done: Done<'_>, limits: Limits) -> Result<()> {
    match done {
        Done::Saved(saved, then) => {
            settle(write, held, saved.charged_bytes(), limits).await?;
            set_active(write, id, saved).await?;
            for job in then {
                jobs::insert(write, job).await?;
            }
            Ok(())
        }
        Done::Staged(staged, hold) => {
            settle(write, held, staged.bytes, limits).await?;
            set_staged(write, id, staged, hold).await
        }
        Done::Part(kept, hold, then) => parts::keep(write, id, held, kept, hold, then).await,
        Done::Copied(failure) => {
            delete(write, id).await?;
            end_task(write, id, failure).await
        }
    }
}

/// saving or importing -> active. No other statement of the program makes an image active. A file that came compressed
/// was unpacked on its way.
async fn set_active(write: &mut Write, id: ImageId, saved: &Saved) -> Result<()> {
    // Or a sweep that gave a session up could take its chunks.
    for hold in &saved.holds {
        hold_session(write, hold).await?;
    }
    sql!(
        "update images set status = 'active', progress = null, reason = null, size_bytes = $2, disk_bytes = $3, \
         checksum = $4, os_hash = $5, file_root = $6, disk_root = $7, rendering = $8, stored_bytes = $9, \
         checked_by = $10, updated_ms = $11, charged_bytes = $12, stores = $13, revision = revision + 1, \
         container_format = case container_format when 'compressed' then 'bare' else container_format end, \
         import_task = null, failed_import = case when importing_to is null then null else $14 end, \
         importing_to = case when importing_to is null then null else '' end where id = $1",
        id,
        saved.size_bytes,
        saved.disk_bytes,
        &saved.checksum,
        &saved.os_hash,
        &saved.file_root,
        &saved.disk_root,
        saved.rendering,
        saved.stored_bytes,
        saved.checked_by,
        now_ms(),
        saved.charged_bytes(),
        saved.stores(),
        &saved.failed_stores
    )
    .run(write)
    .await?;
    delete(write, id).await?;
    image_tasks::succeed_those_of(write, id).await
}

/// The image stays in uploading, held by nobody, with the bytes that wait.
async fn set_staged(write: &mut Write, id: ImageId, staged: &StagedBytes, hold: &Hold) -> Result<()> {
    hold_session(write, hold).await?;
    let text = "update fills set staged_root = $2, staged_bytes = $3, staged_ms = $4, holder = null, lease_until_ms = null \
         where image_id = $1";
    sql!(text, id, &staged.root, staged.bytes, now_ms()).run(write).await?;
    let text =
        "update images set charged_bytes = $2, stores = $3, updated_ms = $4, revision = revision + 1 where id = $1";
    sql!(text, id, staged.bytes, &hold.store, now_ms()).run(write).await.map(drop)
}

async fn fail(write: &mut Write, id: ImageId, held: &Held, reason: &str) -> Result<()> {
    delete(write, id).await?;
    if held.is_of_parts {
        sql!("delete from uploads where image_id = $1", id).run(write).await?;
    }
    if held.kind == FillKind::Copy {
        let mut copies = held.copies.clone();
        copies.fail_rest();
        copies.settle(write, id, Limits::NONE).await?;
        return end_task(write, id, Some(reason)).await;
    }
    settle(write, held, 0, Limits::NONE).await?;
    let text = "update images set status = 'queued', progress = null, charged_bytes = 0, reason = $2, updated_ms = $3, \
         revision = revision + 1, stores = '', \
         failed_import = case when import_task is null then failed_import else importing_to end, \
         importing_to = case when importing_to is null then null else '' end, import_task = null where id = $1";
    sql!(text, id, reason, now_ms()).run(write).await?;
    image_tasks::fail_those_of(write, id, reason).await
}

/// Nobody is at work on it any more, and only what is staged is counted.
async fn release(write: &mut Write, id: ImageId, held: &Held) -> Result<()> {
    if held.kind == FillKind::Import {
        let staged_bytes = held.staged.as_ref().map_or(0, |staged| staged.bytes);
        settle(write, held, staged_bytes, Limits::NONE).await?;
        let text = "update images set charged_bytes = $2 where id = $1";
        sql!(text, id, staged_bytes).run(write).await?;
    } else if held.kind == FillKind::Parts {
        // The whole file stays counted, so that nothing takes the room that its client was promised.
        settle(write, held, held.copies.charged_bytes, Limits::NONE).await?;
    }
    let text = "update fills set holder = null, lease_until_ms = null where image_id = $1";
    sql!(text, id).run(write).await.map(drop)
}

/// The copying has ended, and its task with it.
async fn end_task(write: &mut Write, id: ImageId, failure: Option<&str>) -> Result<()> {
    let text = "update images set import_task = null, revision = revision + 1 where id = $1";
    sql!(text, id).run(write).await?;
    match failure {
        Some(reason) => image_tasks::fail_those_of(write, id, reason).await,
        None => image_tasks::succeed_those_of(write, id).await,
    }
}

/// Removes an image that was deleted while somebody was at work on it.
pub(super) async fn remove(write: &mut Write, id: ImageId, held: &Held) -> Result<()> {
    if held.takes_an_upload() {
        let ended = Change { uploads: -1, ..Change::default() };
        image_usage::count(write, held.copies.owner, ended, Limits::NONE).await?;
    }
    images::remove(write, id).await
}

async fn delete(write: &mut Write, id: ImageId) -> Result<()> {
    sql!("delete from fills where image_id = $1", id).run(write).await.map(drop)
}
