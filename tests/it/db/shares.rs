//! Shares: an end by the time, the history, and the use.

use effigy::{
    db::{
        Database,
        shares::{KEPT_STEPS, KEPT_STEPS_OF_SHARE},
    },
    ids::{ImageId, ProjectId},
    model::{
        Step,
        image::Image,
        image_list::{ListImages, Part},
        member::{Member, MemberStatus},
        share::{HistoryWanted, ShareEvent, ShareStep, Terms},
    },
};

use super::{
    Fresh, both,
    images::{image, insert},
};

fn now_ms() -> i64 {
    (time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64
}

fn until(expires_ms: i64) -> Terms {
    Terms { expires_ms: Some(expires_ms), reason: Some("a test".into()), note: Some("take it".into()) }
}

async fn now(db: &Database, id: ImageId) -> Image {
    db.image(id, None).await.expect("read").expect("the image").0
}

async fn share(db: &Database, image: ImageId, project: ProjectId, terms: &Terms) -> Step {
    let member = Member { image, project, status: MemberStatus::Accepted, created_ms: now_ms(), updated_ms: now_ms() };
    db.share(&member, terms, &now(db, image).await, 128).await.expect("share")
}

async fn history(db: &Database, image: ImageId, receiver: Option<ProjectId>) -> Vec<ShareEvent> {
    let wanted = HistoryWanted { image: Some(image), receiver, limit: 5000, ..HistoryWanted::default() };
    db.share_history(&wanted).await.expect("history")
}

/// Whether a project sees an image in its list, by its id, and as a member.
async fn seen(db: &Database, id: ImageId, project: ProjectId) -> [bool; 3] {
    let parts = [Part::SharedWith(project, &[MemberStatus::Accepted])];
    let wanted = ListImages { limit: 10, ..ListImages::default() };
    let listed = db.image_page(&parts, &wanted, None).await.expect("page").images;
    let (_, membership) = db.image(id, Some(project)).await.expect("read").expect("the image");
    let member = db.member(id, project).await.expect("read");
    [listed.iter().any(|image| image.id == id), membership.is_some(), member.is_some()]
}

#[tokio::test]
async fn share_is_none_from_its_end_on_and_the_sweep_takes_its_row() {
    for Fresh { name, db, .. } in both().await {
        let shown = image(ProjectId::new(), "golden", 5);
        insert(&db, &shown).await;
        let (ends, stays) = (ProjectId::new(), ProjectId::new());
        let end = now_ms() + 1500;
        assert_eq!(share(&db, shown.id, ends, &until(end)).await, Step::Done, "{name}");
        assert_eq!(share(&db, shown.id, stays, &Terms::default()).await, Step::Done, "{name}");
        assert_eq!(seen(&db, shown.id, ends).await, [true; 3], "{name}");
        assert_eq!(db.end_shares(end - 1).await.expect("sweep"), 0, "{name}: it ended before its time");
        let sharing = db.sharing_projects(ends, 10).await.expect("projects");
        assert!(sharing.is_empty(), "{name}: the test has no names");

        while now_ms() < end {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(seen(&db, shown.id, ends).await, [false; 3], "{name}: no sweep has run, and none is needed");
        assert_eq!(seen(&db, shown.id, stays).await, [true; 3], "{name}");
        let members: Vec<_> = db.members(shown.id).await.expect("members").iter().map(|one| one.project).collect();
        assert_eq!(members, [stays], "{name}");
        let lost = db.set_member_status(shown.id, ends, MemberStatus::Pending).await.expect("decide");
        assert_eq!(lost, Step::Lost, "{name}: an ended share was answered");
        assert_eq!(db.set_share(shown.id, ends, &until(end + 9000)).await.expect("set"), Step::Lost, "{name}");
        assert_eq!(db.remove_member(shown.id, ends).await.expect("remove"), Step::Lost, "{name}");

        assert_eq!(db.end_shares(now_ms()).await.expect("sweep"), 1, "{name}");
        assert_eq!(db.end_shares(now_ms()).await.expect("sweep"), 0, "{name}");
        let steps = history(&db, shown.id, Some(ends)).await;
        let told: Vec<_> = steps.iter().map(|step| step.step).collect();
        assert_eq!(told, [ShareStep::Expired, ShareStep::Accepted, ShareStep::Shared], "{name}");
        assert_eq!((steps[0].at_ms, steps[0].image_name.as_deref()), (end, Some("golden")), "{name}");
        // The audit is told once; killed before it was, it is told by the next run.
        let untold = db.untold_ends(10).await.expect("untold");
        assert_eq!((untold.len(), untold[0].project), (1, ends), "{name}");
        assert_eq!(db.untold_ends(10).await.expect("untold").len(), 1, "{name}");
        db.told_end(&untold[0].id).await.expect("told");
        assert!(db.untold_ends(10).await.expect("untold").is_empty(), "{name}");
    }
}

#[tokio::test]
async fn project_is_shared_with_anew_before_the_sweep_has_run() {
    for Fresh { name, db, .. } in both().await {
        let shown = image(ProjectId::new(), "golden", 5);
        insert(&db, &shown).await;
        let project = ProjectId::new();
        share(&db, shown.id, project, &until(now_ms() - 1000)).await;
        assert_eq!(share(&db, shown.id, project, &Terms::default()).await, Step::Done, "{name}");
        assert_eq!(db.end_shares(now_ms()).await.expect("sweep"), 0, "{name}: the new share was taken for the old");
        assert_eq!(seen(&db, shown.id, project).await, [true; 3], "{name}");
        let steps = history(&db, shown.id, None).await;
        assert_eq!(steps.iter().filter(|step| step.step == ShareStep::Expired).count(), 1, "{name}: {steps:?}");
        assert_eq!(db.untold_ends(10).await.expect("untold").len(), 1, "{name}");
    }
}

#[tokio::test]
async fn history_and_use_are_bounded_and_go_with_the_image() {
    for Fresh { name, db, .. } in both().await {
        let shown = image(ProjectId::new(), "golden", 5);
        insert(&db, &shown).await;
        let (project, quiet) = (ProjectId::new(), ProjectId::new());
        share(&db, shown.id, quiet, &Terms::default()).await;
        share(&db, shown.id, project, &Terms::default()).await;
        for turn in 0..i64::from(KEPT_STEPS_OF_SHARE) + 3 {
            let terms = until(now_ms() + 3_600_000 + turn);
            db.set_share(shown.id, project, &terms).await.expect("set");
        }
        let steps = history(&db, shown.id, None).await;
        let (quiet, loud): (Vec<_>, Vec<_>) = steps.iter().partition(|step| step.project == quiet);
        assert_eq!(quiet.len(), 2, "{name}: another's steps took the place of these");
        assert_eq!(loud.len(), KEPT_STEPS_OF_SHARE as usize, "{name}");
        assert!(loud.iter().all(|step| step.step == ShareStep::Changed), "{name}: the oldest go first");
        // Of so many receivers that each keeps its own, the image keeps the latest.
        for _ in 0..KEPT_STEPS / KEPT_STEPS_OF_SHARE {
            let other = ProjectId::new();
            share(&db, shown.id, other, &Terms::default()).await;
            for turn in 0..i64::from(KEPT_STEPS_OF_SHARE) {
                db.set_share(shown.id, other, &until(now_ms() + 3_600_000 + turn)).await.expect("set");
            }
        }
        assert_eq!(history(&db, shown.id, None).await.len(), KEPT_STEPS as usize, "{name}");
        db.count_shared_downloads(shown.id, project, 1).await.expect("count");
        db.count_shared_downloads(shown.id, project, 1).await.expect("count");
        db.count_shared_downloads(shown.id, ProjectId::new(), 1).await.expect("nobody's");
        let uses = db.share_uses(Some(shown.id), None, 10).await.expect("uses");
        assert_eq!((uses.len(), uses[0].downloads, uses[0].launches), (1, 2, 0), "{name}");

        db.forget_shares(now_ms()).await.expect("forget");
        assert_eq!(history(&db, shown.id, None).await.len(), KEPT_STEPS as usize, "{name}");
        db.forget_shares(now_ms() + 366 * 24 * 3_600_000).await.expect("forget");
        assert!(history(&db, shown.id, None).await.is_empty(), "{name}");
        assert!(db.share_uses(Some(shown.id), None, 10).await.expect("uses").is_empty(), "{name}");

        db.set_share(shown.id, project, &Terms::default()).await.expect("set");
        db.count_shared_downloads(shown.id, project, 1).await.expect("count");
        let step = db.delete_image(shown.id, now(&db, shown.id).await.revision).await.expect("delete");
        assert_eq!(step, Step::Done, "{name}");
        assert!(history(&db, shown.id, None).await.is_empty(), "{name}");
        assert!(db.share_uses(None, Some(project), 10).await.expect("uses").is_empty(), "{name}");
    }
}
