//! Images, their members and what they count for.

use effigy::{
    db::Database,
    error::Error,
    ids::{ImageId, JobId, ProjectId},
    model::{
        Step,
        fill::{Done, Ending, FillKind, Hold, Lease, NewFill, Overdue, Reasons, Saved, Sign, Target},
        image::{Image, Properties, PublicHold, Status, Tags, Visibility},
        job::{Lane, NewJob},
        member::{Member, MemberStatus},
        usage::{ImageUsage, Limits, OwnLimits},
    },
};

use super::{Fresh, both};

pub(super) const LIMITS: Limits = Limits { images: 100, bytes: 1000, uploads: 2, staged_bytes: 1000 };

pub(super) fn image(owner: ProjectId, name: &str, created_ms: i64) -> Image {
    Image {
        name: Some(name.into()),
        disk_format: Some("raw".into()),
        container_format: Some("bare".into()),
        tags: Tags::of(&["t".to_owned()].into()),
        properties: Properties::of(&[("os".to_owned(), "debian".to_owned())].into()),
        ..Image::new(ImageId::new(), owner, created_ms)
    }
}

pub(super) fn lease(holder: &str, ms: i64) -> Lease {
    Lease { holder: holder.into(), ms }
}

pub(super) fn saved(size_bytes: i64) -> Saved {
    Saved {
        size_bytes,
        disk_bytes: size_bytes,
        checksum: Some("md5".into()),
        os_hash: Some("sha512".into()),
        file_root: Some(root(b"file")),
        disk_root: Some(root(b"disk")),
        holds: vec![hold("local")],
        ..Saved::default()
    }
}

/// A fresh store's first session.
const SESSION: u64 = 1;

pub(super) fn hold(store: &str) -> Hold {
    Hold { store: store.into(), session: SESSION }
}

/// The root of a content of these bytes.
pub(super) fn root(bytes: &[u8]) -> String {
    chunks::Digest::of(bytes).to_string()
}

/// Begins the session that `saved` speaks of.
pub(super) async fn begin_session(db: &Database) {
    begin_session_in(db, "local").await;
}

pub(super) async fn begin_session_in(db: &Database, store: &str) {
    let index = db.store_index(store).await.expect("index");
    let session = chunks::Index::begin_session(&index, 1, std::time::Duration::from_secs(60)).await.expect("begin");
    assert_eq!(session.id, SESSION);
}

/// The roots of a store: their digests, sorted.
pub(super) async fn roots(db: &Database, store: &str) -> Vec<String> {
    let index = db.store_index(store).await.expect("index");
    let roots = chunks::Roots::roots(&index).await.expect("roots");
    let mut roots: Vec<String> = roots.iter().map(ToString::to_string).collect();
    roots.sort();
    roots
}

pub(super) async fn insert(db: &Database, image: &Image) {
    db.insert_image(image, 0, LIMITS).await.expect("insert");
}

pub(super) async fn status(db: &Database, id: ImageId) -> Status {
    db.image(id, None).await.expect("read").expect("the image").0.status
}

pub(super) async fn sums_are_right(db: &Database, name: &str) {
    assert_eq!(db.image_usage_errors().await.expect("sums"), Vec::<String>::new(), "{name}: kept sums are wrong");
}

fn job() -> NewJob {
    NewJob {
        id: JobId::new(),
        lane: Lane::Front,
        work: "{}".into(),
        caller: None,
        project: None,
        once: None,
        run_at_ms: 0,
    }
}

#[tokio::test]
async fn image_is_read_as_it_was_written() {
    for Fresh { name, db, .. } in both().await {
        let mut shown = image(ProjectId::new(), "quote ' and \" and 🦀", 5);
        shown.name = None;
        insert(&db, &shown).await;
        assert_eq!(db.image(shown.id, None).await.expect("read"), Some((shown.clone(), None)), "{name}");
        assert!(matches!(db.insert_image(&shown, 0, LIMITS).await, Err(Error::Conflict(_))), "{name}");
        assert_eq!(db.image(ImageId::new(), None).await.expect("read"), None, "{name}");
        assert_eq!(db.image_usage(shown.owner).await.expect("usage").images, 1, "{name}: a refused image is counted");
        sums_are_right(&db, name).await;
    }
}

#[tokio::test]
async fn change_of_what_has_changed_is_lost() {
    for Fresh { name, db, .. } in both().await {
        let mut shown = image(ProjectId::new(), "a", 5);
        insert(&db, &shown).await;
        shown.name = Some("b".into());
        shown.owner = ProjectId::new();
        assert_eq!(db.update_image(&shown).await.expect("update"), Step::Done, "{name}");
        assert_eq!(db.update_image(&shown).await.expect("update"), Step::Lost, "{name}");
        assert_eq!(db.image_usage(shown.owner).await.expect("usage").images, 1, "{name}");
        assert_eq!(db.delete_image(shown.id, shown.revision).await.expect("delete"), Step::Lost, "{name}");
        assert_eq!(db.delete_image(shown.id, shown.revision + 1).await.expect("delete"), Step::Done, "{name}");
        assert_eq!(db.change_status(shown.id, Status::Active, Status::Deactivated).await.expect("s"), Step::Lost);
        sums_are_right(&db, name).await;
    }
}

/// A fill that a request begins.
pub(super) async fn begin(
    db: &Database,
    id: ImageId,
    kind: FillKind,
    lease: &Lease,
    bytes: i64,
    limits: Limits,
) -> Result<Step, Error> {
    let Some((now, _)) = db.image(id, None).await? else { return Ok(Step::Lost) };
    let image = Image { status: Status::Queued, ..now };
    let new = NewFill { reserve_bytes: bytes, lease: Some(lease), ..NewFill::of(kind, Target::Known(&image)) };
    db.begin_fill(new, limits).await
}

/// A new image that a job will fill.
async fn begin_made(db: &Database, image: &Image, bytes: i64, job: &NewJob) {
    let new = NewFill { reserve_bytes: bytes, job: Some(job), ..NewFill::of(FillKind::Capture, Target::New(image)) };
    assert_eq!(db.begin_fill(new, LIMITS).await.expect("begin"), Step::Done);
}

pub(super) async fn reserve(db: &Database, id: ImageId, holder: &str, bytes: i64) -> Result<Ending, Error> {
    db.renew_fill(id, &lease(holder, 60_000), &Sign { more_bytes: bytes, progress: None }, LIMITS).await
}

pub(super) async fn finish(db: &Database, id: ImageId, holder: &str, saved: &Saved) -> Result<Ending, Error> {
    db.finish_fill(id, holder, Done::Saved(saved, &[job()]), LIMITS, None).await
}

pub(super) async fn fail(db: &Database, id: ImageId, holder: &str, reason: &str) -> Ending {
    db.fail_fill(id, holder, reason, None).await.expect("fail")
}

pub(super) const REASONS: Reasons<'static> = Reasons { lapsed: "silent", stale: "old" };

pub(super) fn overdue(lease_ms: i64, staged_ms: i64) -> Overdue {
    Overdue { lease_ms, staged_ms, parts_ms: staged_ms }
}

#[tokio::test]
async fn fill_goes_through_its_states_and_counts_what_it_holds() {
    for Fresh { name, db, .. } in both().await {
        begin_session(&db).await;
        let shown = image(ProjectId::new(), "a", 5);
        insert(&db, &shown).await;
        let used = async || db.image_usage(shown.owner).await.expect("usage");
        let mine = lease("mine", 60_000);
        let upload = async |lease: &Lease, bytes| begin(&db, shown.id, FillKind::Upload, lease, bytes, LIMITS).await;
        assert_eq!(upload(&mine, 100).await.expect("begin"), Step::Done, "{name}");
        let second = upload(&lease("other", 60_000), 100).await;
        assert_eq!(second.expect("begin"), Step::Lost, "{name}: two hold one image");
        assert_eq!(used().await, ImageUsage { images: 1, bytes: 100, uploads: 1, staged_bytes: 0 }, "{name}");
        assert_eq!(reserve(&db, shown.id, "mine", 200).await.expect("reserve"), Ending::Done, "{name}");
        let too_much = reserve(&db, shown.id, "mine", 701).await;
        assert!(matches!(too_much, Err(Error::OverQuota(_))), "{name}: {too_much:?}");
        assert_eq!(reserve(&db, shown.id, "other", 1).await.expect("reserve"), Ending::Lost, "{name}");
        sums_are_right(&db, name).await;
        assert_eq!(finish(&db, shown.id, "other", &saved(250)).await.expect("finish"), Ending::Lost, "{name}");
        let given_up = Saved { holds: vec![Hold { session: SESSION + 1, ..hold("local") }], ..saved(250) };
        let refused = finish(&db, shown.id, "mine", &given_up).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{name}: the store gave it up: {refused:?}");
        assert!(db.claim_job(Lane::Front, "w", 1).await.expect("claim").is_none(), "{name}: a refused end left a job");
        assert_eq!(finish(&db, shown.id, "mine", &saved(250)).await.expect("finish"), Ending::Done, "{name}");
        assert!(
            db.claim_job(Lane::Front, "w", 1).await.expect("claim").is_some(),
            "{name}: what follows is not queued"
        );
        assert_eq!(used().await, ImageUsage { images: 1, bytes: 250, uploads: 0, staged_bytes: 0 }, "{name}");
        let (active, _) = db.image(shown.id, None).await.expect("read").expect("the image");
        assert_eq!((active.status, active.size_bytes), (Status::Active, Some(250)), "{name}");
        let mut kept = [root(b"disk"), root(b"file")];
        kept.sort();
        assert_eq!(roots(&db, "local").await, kept, "{name}");
        assert_eq!(upload(&mine, 1).await.expect("begin"), Step::Lost, "{name}");
        assert_eq!(finish(&db, shown.id, "mine", &saved(1)).await.expect("finish"), Ending::Lost, "{name}: twice");
        assert_eq!(db.delete_image(shown.id, active.revision).await.expect("delete"), Step::Done, "{name}");
        assert_eq!(used().await, ImageUsage::default(), "{name}");
        sums_are_right(&db, name).await;
    }
}

#[tokio::test]
async fn failed_deleted_and_lapsed_fills_give_everything_back() {
    for Fresh { name, db, .. } in both().await {
        let shown = image(ProjectId::new(), "a", 5);
        insert(&db, &shown).await;
        let upload = async |holder: &str, ms: i64| {
            let began = begin(&db, shown.id, FillKind::Upload, &lease(holder, ms), 100, LIMITS).await;
            assert_eq!(began.expect("begin"), Step::Done);
        };
        upload("one", 60_000).await;
        assert_eq!(fail(&db, shown.id, "other", "no").await, Ending::Lost, "{name}");
        assert_eq!(fail(&db, shown.id, "one", "broke off").await, Ending::Done, "{name}");
        let (queued, _) = db.image(shown.id, None).await.expect("read").expect("the image");
        assert_eq!((queued.status, queued.reason.as_deref()), (Status::Queued, Some("broke off")), "{name}");

        upload("two", 1_000).await;
        let now = queued.updated_ms;
        assert_eq!(db.lapse_fills(overdue(now, 0), REASONS).await.expect("lapse"), Vec::<ImageId>::new(), "{name}");
        assert_eq!(db.lapse_fills(overdue(now + 3_600_000, 0), REASONS).await.expect("lapse"), [shown.id], "{name}");
        assert_eq!(finish(&db, shown.id, "two", &saved(1)).await.expect("finish"), Ending::Lost, "{name}");
        assert_eq!(status(&db, shown.id).await, Status::Queued, "{name}");

        upload("three", 60_000).await;
        let (saving, _) = db.image(shown.id, None).await.expect("read").expect("the image");
        assert_eq!(db.delete_image(shown.id, saving.revision).await.expect("delete"), Step::Done, "{name}");
        assert_eq!(db.image(shown.id, None).await.expect("read"), None, "{name}: a deleted image is seen");
        assert_eq!(db.image_usage(shown.owner).await.expect("usage").bytes, 100, "{name}: the quota came back early");
        assert_eq!(reserve(&db, shown.id, "three", 0).await.expect("renew"), Ending::Gone, "{name}");
        assert_eq!(finish(&db, shown.id, "three", &saved(50)).await.expect("finish"), Ending::Gone, "{name}");
        assert_eq!(db.image_usage(shown.owner).await.expect("usage"), ImageUsage::default(), "{name}");
        sums_are_right(&db, name).await;
    }
}

#[tokio::test]
async fn reservations_at_the_same_time_never_pass_the_limit() {
    for Fresh { name, db, .. } in both().await {
        let owner = ProjectId::new();
        let limits = Limits { images: 12, bytes: 1000, uploads: 100, staged_bytes: 1000 };
        let adds = (0..20).map(|n| {
            let db = db.clone();
            async move {
                let shown = image(owner, "a", n);
                db.insert_image(&shown, 0, limits).await?;
                begin(&db, shown.id, FillKind::Upload, &lease(&n.to_string(), 60_000), 150, limits).await
            }
        });
        let outcomes = futures::future::join_all(adds).await;
        let saving = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Step::Done))).count();
        let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::OverQuota(_)))).count();
        assert_eq!((saving, saving + refused), (6, 20), "{name}: {outcomes:?}");
        let used = db.image_usage(owner).await.expect("usage");
        assert_eq!(used, ImageUsage { images: 12, bytes: 900, uploads: 6, staged_bytes: 0 }, "{name}");
        sums_are_right(&db, name).await;
    }
}

#[tokio::test]
async fn fill_of_a_job_is_begun_with_it_and_ends_once() {
    for Fresh { name, db, .. } in both().await {
        begin_session(&db).await;
        let mut shown = image(ProjectId::new(), "captured", 5);
        shown.status = Status::Saving;
        let making = job();
        begin_made(&db, &shown, 100, &making).await;
        assert!(db.claim_job(Lane::Front, "worker", 1000).await.expect("claim").is_some(), "{name}");
        let upload = begin(&db, shown.id, FillKind::Upload, &lease("x", 1), 1, LIMITS).await;
        assert_eq!(upload.expect("begin"), Step::Lost, "{name}");
        let take_up = async |id, job, holder| db.take_up_fill(id, job, &lease(holder, 60_000)).await.expect("take up");
        assert!(take_up(shown.id, JobId::new(), "stranger").await.is_none(), "{name}: another job took it up");
        assert!(take_up(shown.id, making.id, "first").await.is_some(), "{name}");
        assert!(take_up(shown.id, making.id, "run").await.is_some(), "{name}: a later run goes on");
        assert_eq!(reserve(&db, shown.id, "first", 0).await.expect("renew"), Ending::Lost, "{name}");
        let sign = Sign { more_bytes: 0, progress: Some((Some(40), String::new())) };
        let told = db.renew_fill(shown.id, &lease("run", 60_000), &sign, LIMITS).await;
        assert_eq!(told.expect("progress"), Ending::Done, "{name}");
        let large = Saved { size_bytes: 2000, ..saved(0) };
        let refused = finish(&db, shown.id, "run", &large).await;
        assert!(matches!(refused, Err(Error::OverQuota(_))), "{name}: {refused:?}");
        let fits = Saved { checksum: None, os_hash: None, rendering: Some(1), ..saved(300) };
        assert_eq!(finish(&db, shown.id, "run", &fits).await.expect("finish"), Ending::Done, "{name}");
        assert_eq!(finish(&db, shown.id, "run", &fits).await.expect("finish"), Ending::Lost, "{name}: twice");
        assert!(take_up(shown.id, making.id, "again").await.is_none(), "{name}: it has ended");
        let used = db.image_usage(shown.owner).await.expect("usage");
        assert_eq!(used.bytes, 300, "{name}");
        let all = db.usage_by_project().await.expect("usage");
        assert_eq!(all.iter().find(|of| of.project == shown.owner).map(|of| of.images), Some(used), "{name}");
        assert_eq!(fail(&db, shown.id, "run", "late").await, Ending::Lost, "{name}");
        db.set_checksums(shown.id, "m", "s").await.expect("checksums");
        db.set_checksums(shown.id, "x", "x").await.expect("checksums");
        let (active, _) = db.image(shown.id, None).await.expect("read").expect("the image");
        assert_eq!((active.checksum.as_deref(), active.os_hash.as_deref()), (Some("m"), Some("s")), "{name}");

        let (mut second, making) = (image(shown.owner, "second", 6), job());
        second.status = Status::Saving;
        begin_made(&db, &second, 100, &making).await;
        assert!(take_up(second.id, making.id, "run").await.is_some(), "{name}");
        assert_eq!(fail(&db, second.id, "run", "no disk").await, Ending::Done, "{name}");
        assert_eq!(status(&db, second.id).await, Status::Queued, "{name}");
        assert_eq!(finish(&db, second.id, "run", &fits).await.expect("finish"), Ending::Lost, "{name}");

        let (mut third, making) = (image(shown.owner, "third", 7), job());
        third.status = Status::Saving;
        begin_made(&db, &third, 100, &making).await;
        take_up(third.id, making.id, "cut off").await;
        let lapsed = db.lapse_fills(overdue(i64::MAX, 0), REASONS).await.expect("lapse");
        assert_eq!(lapsed, Vec::<ImageId>::new(), "{name}: its job goes on with it");
        assert_eq!(status(&db, third.id).await, Status::Saving, "{name}");
        assert!(take_up(third.id, making.id, "run").await.is_some(), "{name}");
        sums_are_right(&db, name).await;
    }
}

#[tokio::test]
async fn a_fill_begins_with_the_row_that_was_judged() {
    for Fresh { name, db, .. } in both().await {
        for kind in [FillKind::Upload, FillKind::Stage, FillKind::Import] {
            let shown = image(ProjectId::new(), "a", 5);
            insert(&db, &shown).await;
            let judged = db.image(shown.id, None).await.expect("read").expect("the image").0;
            let changed = Image { disk_format: Some("vmdk".into()), ..judged.clone() };
            assert_eq!(db.update_image(&changed).await.expect("update"), Step::Done, "{name}");
            let now = db.image(shown.id, None).await.expect("read").expect("the image").0;
            let (mine, making) = (lease("mine", 60_000), job());
            let new = |image| NewFill {
                lease: Some(&mine).filter(|_| kind != FillKind::Import),
                job: Some(&making).filter(|_| kind == FillKind::Import),
                ..NewFill::of(kind, Target::Known(image))
            };
            assert_eq!(db.begin_fill(new(&judged), LIMITS).await.expect("begin"), Step::Lost, "{name}: {kind}");
            assert_eq!(status(&db, shown.id).await, Status::Queued, "{name}: {kind}");
            assert_eq!(db.begin_fill(new(&now), LIMITS).await.expect("begin"), Step::Done, "{name}: {kind}");
            sums_are_right(&db, name).await;
        }
    }
}

#[tokio::test]
async fn members_are_counted_and_come_once() {
    for Fresh { name, db, .. } in both().await {
        let shown = image(ProjectId::new(), "a", 5);
        insert(&db, &shown).await;
        let member =
            |project| Member { image: shown.id, project, status: MemberStatus::Pending, created_ms: 1, updated_ms: 1 };
        let now = async || db.image(shown.id, None).await.expect("read").expect("the image").0;
        let project = ProjectId::new();
        let before = now().await;
        let held = Image { public_hold: Some(PublicHold::Pending), public_why: Some("wait".into()), ..before.clone() };
        assert_eq!(db.add_member(&member(project), &held, 2).await.expect("add"), Step::Done, "{name}");
        let again = db.add_member(&member(project), &before, 2).await.expect("add");
        assert_eq!(again, Step::Lost, "{name}: the image has changed since it was read");
        assert!(matches!(db.add_member(&member(project), &now().await, 2).await, Err(Error::Conflict(_))), "{name}");
        let (shared, membership) = db.image(shown.id, Some(project)).await.expect("read").expect("the image");
        assert_eq!((shared.visibility, membership), (Visibility::Shared, Some(MemberStatus::Pending)), "{name}");
        assert_eq!((shared.public_hold, shared.public_why), (held.public_hold, held.public_why), "{name}");
        let second = db.add_member(&member(ProjectId::new()), &now().await, 2).await;
        assert_eq!(second.expect("add"), Step::Done, "{name}");
        let third = db.add_member(&member(ProjectId::new()), &now().await, 2).await;
        assert!(matches!(third, Err(Error::TooLarge(_))), "{name}");
        let step = db.set_member_status(shown.id, project, MemberStatus::Accepted).await;
        assert_eq!(step.expect("accept"), Step::Done, "{name}");
        let found = db.member(shown.id, project).await.expect("read").expect("the member");
        assert_eq!((found.status, found.created_ms), (MemberStatus::Accepted, 1), "{name}");
        assert_eq!(db.remove_member(shown.id, project).await.expect("remove"), Step::Done, "{name}");
        assert_eq!(db.remove_member(shown.id, project).await.expect("remove"), Step::Lost, "{name}");
        let (now, _) = db.image(shown.id, None).await.expect("read").expect("the image");
        assert_eq!(db.delete_image(shown.id, now.revision).await.expect("delete"), Step::Done, "{name}");
        assert!(db.members(shown.id).await.expect("members").is_empty(), "{name}: members of no image");
    }
}

#[tokio::test]
async fn an_id_of_64_characters_owns_is_a_member_and_has_a_quota() {
    for Fresh { name, db, .. } in both().await {
        let id = |letter: &str| letter.repeat(64).parse::<ProjectId>().expect("an id of LDAP's length");
        let (owner, project) = (id("a"), id("b"));
        let shown = image(owner, "a", 5);
        insert(&db, &shown).await;
        let limits = Limits { images: 1, ..LIMITS };
        let further = db.insert_image(&image(owner, "b", 6), 0, limits).await;
        assert!(matches!(further, Err(Error::OverQuota(_))), "{name}");
        db.insert_image(&image(id("c"), "c", 6), 0, limits).await.expect("another project's quota is its own");
        let member = Member { image: shown.id, project, status: MemberStatus::Accepted, created_ms: 1, updated_ms: 1 };
        let (now, _) = db.image(shown.id, None).await.expect("read").expect("the image");
        assert_eq!(now.owner, owner, "{name}");
        assert_eq!(db.add_member(&member, &now, 2).await.expect("add"), Step::Done, "{name}");
        let (_, membership) = db.image(shown.id, Some(project)).await.expect("read").expect("the image");
        assert_eq!(membership, Some(MemberStatus::Accepted), "{name}");
        assert_eq!(db.members(shown.id).await.expect("members"), [member], "{name}");
        sums_are_right(&db, name).await;
    }
}

#[tokio::test]
async fn limits_of_a_project_stand_in_the_place_of_the_usual_ones() {
    for Fresh { name, db, .. } in both().await {
        let owner = ProjectId::new();
        let own = OwnLimits { images: Some(1), vcpus: Some(7), ..OwnLimits::default() };
        db.change_own_limits(&owner, |limits| *limits = own).await.expect("set");
        assert_eq!(db.own_limits(&owner).await.expect("read"), own, "{name}");
        db.insert_image(&image(owner, "first", 1), 0, LIMITS).await.expect("room for one");
        let second = db.insert_image(&image(owner, "second", 2), 0, LIMITS).await;
        assert!(matches!(second, Err(Error::OverQuota(_))), "{name}: {second:?}");
        let other = image(ProjectId::new(), "of another", 3);
        db.insert_image(&other, 0, LIMITS).await.expect("another project's");
        db.insert_image(&image(owner, "given", 4), 0, Limits::NONE).await.expect("past all limits");
        assert_eq!(db.own_limits_by_project().await.expect("read"), [(owner, own)], "{name}");
        db.change_own_limits(&owner, |limits| *limits = OwnLimits::default()).await.expect("set");
        db.insert_image(&image(owner, "third", 5), 0, LIMITS).await.expect("the usual limits");
        assert!(db.own_limits_by_project().await.expect("read").is_empty(), "{name}");
    }
}
