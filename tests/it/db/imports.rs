//! How bytes are staged and imported, in rows.

use effigy::{
    db::Database,
    error::Error,
    ids::{ImageId, JobId, ProjectId, UserId},
    model::{
        Step,
        fill::{Done, Ending, FillKind, NewFill, Sign, StagedBytes, TakenFill, Target},
        image::{Image, Status, StoreNames},
        job::{Lane, NewJob},
        task::{ImageTask, TaskKind, TaskOrder, TaskPage, TaskStatus},
        usage::Limits,
    },
};

use super::{
    Fresh, both,
    images::{
        LIMITS, REASONS, begin, begin_session, fail, finish, hold, image, insert, lease, overdue, root, roots, saved,
        status, sums_are_right,
    },
};

fn task(image: &Image, created_ms: i64) -> (ImageTask, NewJob) {
    let id = JobId::new();
    let task = ImageTask {
        id,
        kind: TaskKind::ApiImageImport,
        image: image.id,
        owner: image.owner,
        user: UserId::new(),
        request_id: "req-test".into(),
        status: TaskStatus::Pending,
        input: "{}".into(),
        result: None,
        message: String::new(),
        created_ms,
        updated_ms: created_ms,
        expires_ms: None,
    };
    let (work, caller) = ("{}".into(), None);
    (task, NewJob { id, lane: Lane::Import, work, caller, project: None, once: None, run_at_ms: 0 })
}

async fn staged(db: &Database, image: &Image, size_bytes: i64) {
    let mine = lease("stage", 60_000);
    let began = begin(db, image.id, FillKind::Stage, &mine, size_bytes, LIMITS).await.expect("begin");
    assert_eq!(began, Step::Done);
    let (staged, hold) = (StagedBytes { root: root(b"staged"), bytes: size_bytes }, hold("local"));
    let done = db.finish_fill(image.id, "stage", Done::Staged(&staged, &hold), LIMITS, None).await;
    assert_eq!(done.expect("finish"), Ending::Done);
}

async fn begin_import(db: &Database, from: Status, task: &ImageTask, job: &NewJob) -> Step {
    let now = db.image(task.image, None).await.expect("read").expect("the image").0;
    let image = Image { status: from, ..now };
    let new = NewFill {
        job: Some(job),
        task: Some(task),
        stores: &["local".into()],
        ..NewFill::of(FillKind::Import, Target::Known(&image))
    };
    db.begin_fill(new, LIMITS).await.expect("begin")
}

async fn take_up(db: &Database, image: ImageId, job: JobId, holder: &str, ms: i64) -> Option<TakenFill> {
    db.take_up_fill(image, job, &lease(holder, ms)).await.expect("take up")
}

async fn task_status(db: &Database, id: JobId) -> TaskStatus {
    db.image_task(id).await.expect("read").expect("the task").status
}

#[tokio::test]
async fn staged_bytes_are_counted_kept_and_become_the_image() {
    for Fresh { name, db, .. } in both().await {
        begin_session(&db).await;
        let shown = image(ProjectId::new(), "a", 1);
        insert(&db, &shown).await;
        staged(&db, &shown, 300).await;
        let used = db.image_usage(shown.owner).await.expect("usage");
        assert_eq!((used.bytes, used.staged_bytes, used.uploads), (300, 300, 0), "{name}");
        assert_eq!(roots(&db, "local").await, [root(b"staged")], "{name}: a sweep would take it");
        let (task, job) = task(&shown, 1);
        assert_eq!(begin_import(&db, Status::Queued, &task, &job).await, Step::Lost, "{name}");
        assert_eq!(begin_import(&db, Status::Uploading, &task, &job).await, Step::Done, "{name}");
        assert_eq!(db.claim_job(Lane::Import, "w", 1000).await.expect("claim").expect("the job").id, job.id, "{name}");
        let taken = take_up(&db, shown.id, job.id, "import", 60_000).await.expect("the fill");
        assert_eq!(taken.staged, Some(StagedBytes { root: root(b"staged"), bytes: 300 }), "{name}");
        sums_are_right(&db, name).await;
        let sign = Sign { more_bytes: 50, progress: Some((Some(50), "half".into())) };
        db.renew_fill(shown.id, &lease("import", 60_000), &sign, LIMITS).await.expect("progress");
        assert_eq!(task_status(&db, task.id).await, TaskStatus::Processing, "{name}");
        assert_eq!(db.release_fill(shown.id, "import").await.expect("release"), Ending::Done, "{name}");
        let used = db.image_usage(shown.owner).await.expect("usage");
        assert_eq!((used.bytes, used.uploads), (300, 0), "{name}: what was reserved is given back");
        sums_are_right(&db, name).await;
        take_up(&db, shown.id, job.id, "import", 60_000).await.expect("the fill");
        sums_are_right(&db, name).await;
        assert_eq!(finish(&db, shown.id, "import", &saved(300)).await.expect("finish"), Ending::Done, "{name}");
        assert_eq!(db.staged_bytes(shown.id).await.expect("read"), None, "{name}");
        let (active, _) = db.image(shown.id, None).await.expect("read").expect("the image");
        assert_eq!((active.status, active.import_task), (Status::Active, None), "{name}");
        assert_eq!(
            (active.importing_to, active.failed_import),
            (Some(StoreNames::default()), Some(StoreNames::default())),
            "{name}"
        );
        assert_eq!(task_status(&db, task.id).await, TaskStatus::Success, "{name}");
        let used = db.image_usage(shown.owner).await.expect("usage");
        assert_eq!((used.bytes, used.staged_bytes, used.uploads), (300, 0, 0), "{name}");
        sums_are_right(&db, name).await;
    }
}

#[tokio::test]
async fn failed_import_gives_everything_back_and_ends_its_task() {
    for Fresh { name, db, .. } in both().await {
        begin_session(&db).await;
        let owner = ProjectId::new();
        for way in ["stale", "deleted", "deleted while held", "save"] {
            let shown = image(owner, way, 1);
            insert(&db, &shown).await;
            staged(&db, &shown, 200).await;
            let (task, job) = task(&shown, 1);
            if way == "stale" {
                assert_eq!(
                    db.lapse_fills(overdue(0, 0), REASONS).await.expect("stale"),
                    Vec::<ImageId>::new(),
                    "{name}"
                );
                assert_eq!(db.lapse_fills(overdue(0, i64::MAX), REASONS).await.expect("stale"), [shown.id], "{name}");
            } else {
                assert_eq!(begin_import(&db, Status::Uploading, &task, &job).await, Step::Done, "{name}");
                assert_eq!(
                    db.lapse_fills(overdue(0, i64::MAX), REASONS).await.expect("stale"),
                    [],
                    "{name}: it is imported"
                );
            }
            if matches!(way, "deleted while held" | "save") {
                take_up(&db, shown.id, job.id, "x", 60_000).await.expect("the fill");
            }
            match way {
                "save" => assert_eq!(fail(&db, shown.id, "x", "bad bytes").await, Ending::Done, "{name}"),
                "deleted" | "deleted while held" => {
                    let (now, _) = db.image(shown.id, None).await.expect("read").expect("the image");
                    assert_eq!(db.delete_image(shown.id, now.revision).await.expect("delete"), Step::Done, "{name}");
                }
                _ => {}
            }
            if way == "deleted while held" {
                assert_eq!(fail(&db, shown.id, "x", "deleted").await, Ending::Gone, "{name}");
            }
            if way != "stale" {
                assert_eq!(task_status(&db, task.id).await, TaskStatus::Failure, "{name} {way}");
            }
            if !way.starts_with("deleted") {
                assert_eq!(status(&db, shown.id).await, Status::Queued, "{name} {way}");
            }
            let used = db.image_usage(owner).await.expect("usage");
            assert_eq!((used.bytes, used.staged_bytes, used.uploads), (0, 0, 0), "{name} {way}");
            assert_eq!(roots(&db, "local").await, Vec::<String>::new(), "{name} {way}");
            sums_are_right(&db, name).await;
        }
    }
}

#[tokio::test]
async fn no_two_stagings_share_the_last_room() {
    for Fresh { name, db, .. } in both().await {
        let owner = ProjectId::new();
        let limits = Limits { uploads: 100, staged_bytes: 350, ..LIMITS };
        let mut begun = Vec::new();
        for n in 0..8 {
            let shown = image(owner, &n.to_string(), n);
            insert(&db, &shown).await;
            let db = db.clone();
            begun.push(tokio::spawn(async move {
                let lease = lease(&n.to_string(), 60_000);
                begin(&db, shown.id, FillKind::Stage, &lease, 100, limits).await
            }));
        }
        let mut taken = 0;
        for begun in begun {
            match begun.await.expect("no panic") {
                Ok(Step::Done) => taken += 1,
                Err(Error::OverQuota(_)) => {}
                other => panic!("{name}: {other:?}"),
            }
        }
        assert_eq!(taken, 3, "{name}");
        sums_are_right(&db, name).await;
    }
}

#[tokio::test]
async fn tasks_are_paged_filtered_and_forgotten() {
    for Fresh { name, db, .. } in both().await {
        let owner = ProjectId::new();
        let (mut tasks, mut jobs) = (Vec::new(), Vec::new());
        for n in 0..3 {
            let shown = image(owner, "a", n);
            insert(&db, &shown).await;
            let (task, job) = task(&shown, n);
            begin_import(&db, Status::Queued, &task, &job).await;
            jobs.push(job.id);
            tasks.push(task);
        }
        let ids = |page: Vec<ImageTask>| page.iter().map(|task| task.id).collect::<Vec<_>>();
        let all = TaskPage { limit: 2, ..TaskPage::default() };
        let first = db.image_tasks(&all).await.expect("page");
        assert_eq!(ids(first.clone()), [tasks[2].id, tasks[1].id], "{name}");
        let next = TaskPage { after: Some(first[1].clone()), ..all.clone() };
        assert_eq!(ids(db.image_tasks(&next).await.expect("page")), [tasks[0].id], "{name}");
        take_up(&db, tasks[1].image, jobs[1], "x", 60_000).await.expect("the fill");
        assert_eq!(fail(&db, tasks[1].image, "x", "no").await, Ending::Done, "{name}");
        let failed = TaskPage { status: Some(TaskStatus::Failure), is_ascending: true, ..all.clone() };
        assert_eq!(ids(db.image_tasks(&failed).await.expect("page")), [tasks[1].id], "{name}");
        let by_status = TaskPage { order: TaskOrder::Status, ..all.clone() };
        let first = db.image_tasks(&by_status).await.expect("page");
        assert_eq!(ids(first.clone()), [tasks[2].id, tasks[0].id], "{name}: pending, before failure");
        let next = TaskPage { after: Some(first[1].clone()), ..by_status };
        assert_eq!(ids(db.image_tasks(&next).await.expect("page")), [tasks[1].id], "{name}");
        let of_image = TaskPage { image: Some(tasks[2].image), ..all.clone() };
        assert_eq!(ids(db.image_tasks(&of_image).await.expect("page")), [tasks[2].id], "{name}");
        db.forget_image_tasks(i64::MAX).await.expect("forget");
        assert!(db.image_task(tasks[1].id).await.expect("read").is_none(), "{name}");
        assert_eq!(task_status(&db, tasks[2].id).await, TaskStatus::Pending, "{name}: forgotten before its end");
    }
}
