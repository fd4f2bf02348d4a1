//! Channels: steps at the same time, names, bounds and dates.

use effigy::{
    db::Database,
    error::Error,
    ids::{ChannelId, ImageId, ProjectId, UserId},
    model::{
        Step,
        channel::{Channel, ChannelsWanted, Promotion, StepKind},
        image::{Image, Status},
        image_list::{Condition, ListImages, Part, TextColumn},
        member::{Member, MemberStatus},
    },
};

use super::{
    Fresh, both,
    images::{LIMITS, image, insert},
};

fn channel(project: ProjectId, name: &str) -> Channel {
    Channel {
        id: ChannelId::new(),
        project,
        name: name.into(),
        last_number: 0,
        deprecate_ms: None,
        retire_ms: None,
        created_ms: 1,
    }
}

fn promotion(channel: &Channel, from: Option<&Image>, image: &Image) -> Promotion {
    Promotion {
        channel: channel.id,
        action: StepKind::Promoted,
        from: from.cloned(),
        image: Image { name: Some(channel.name.clone()), hidden: false, ..image.clone() },
        former_name: image.name.clone(),
        notes: Some("notes".into()),
        reason: None,
        user_id: UserId::nil(),
        user_name: "somebody".into(),
        most_members: 2,
        now_ms: 2,
    }
}

async fn read(db: &Database, id: ImageId) -> Image {
    db.image(id, None).await.expect("read").expect("the image").0
}

/// The images of a name that a list of the project shows.
async fn listed(db: &Database, project: ProjectId, name: &str) -> Vec<ImageId> {
    let conditions = vec![Condition::TextIn(TextColumn::Name, vec![name.into()])];
    let wanted = ListImages { conditions, limit: 10, ..ListImages::default() };
    let page = db.image_page(&[Part::Own(project, None)], &wanted, None).await.expect("page");
    page.images.iter().map(|image| image.id).collect()
}

async fn made(db: &Database, project: ProjectId, name: &str, most: i64) -> (Channel, Image) {
    let first = image(project, "first", 1);
    insert(db, &first).await;
    let made = channel(project, name);
    assert_eq!(db.add_channel(&made, &promotion(&made, None, &first), most).await.expect("add"), Step::Done);
    (made, read(db, first.id).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn promotions_at_once_leave_one_current_release_at_any_time() {
    for Fresh { name, db, .. } in both().await {
        let project = ProjectId::new();
        let (made, first) = made(&db, project, "golden", 10).await;
        let mut images = vec![first.id];
        for n in 0..4 {
            let more = image(project, &format!("more-{n}"), n);
            insert(&db, &more).await;
            images.push(more.id);
        }
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let (db, made, images) = (db.clone(), made.clone(), images.clone());
                tokio::spawn(async move {
                    let mut done = 0;
                    for n in 0..12 {
                        let one = ChannelsWanted { project: Some(made.project), limit: 1, ..Default::default() };
                        let mut found = db.channels(&one).await.expect("channels");
                        let (_, current) = found.pop().expect("a current release");
                        let next = read(&db, images[(task + n) % images.len()]).await;
                        if next.id == current.image.id {
                            continue;
                        }
                        let step =
                            db.promote(&promotion(&made, Some(&current.image), &next), 10).await.expect("promote");
                        done += usize::from(step == Step::Done);
                    }
                    done
                })
            })
            .collect();
        while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
            assert_eq!(listed(&db, project, "golden").await.len(), 1, "{name}");
        }
        let mut done = 0;
        for task in tasks {
            done += task.await.expect("a task");
        }
        let steps = db.channel_steps(made.id, 1000).await.expect("steps");
        assert_eq!(steps.len(), done + 1, "{name}: a step is told that was not made, or not told");
        assert!(steps.windows(2).all(|pair| pair[0].replaced == Some(pair[1].number)), "{name}: {steps:?}");
        let releases = db.releases(made.id, None).await.expect("releases");
        assert_eq!(releases.iter().filter(|release| release.image.is_current_release()).count(), 1, "{name}");
        let mut numbers: Vec<_> = releases.iter().map(|release| release.number).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), releases.len(), "{name}: a number was given twice");
    }
}

#[tokio::test]
async fn step_from_a_release_that_is_not_current_is_lost() {
    for Fresh { name, db, .. } in both().await {
        let project = ProjectId::new();
        let (made, first) = made(&db, project, "golden", 10).await;
        let (second, third) = (image(project, "second", 2), image(project, "third", 3));
        insert(&db, &second).await;
        insert(&db, &third).await;
        assert_eq!(
            db.promote(&promotion(&made, Some(&first), &second), 10).await.expect("promote"),
            Step::Done,
            "{name}"
        );
        assert_eq!(
            db.promote(&promotion(&made, Some(&first), &third), 10).await.expect("promote"),
            Step::Lost,
            "{name}"
        );
        assert_eq!(listed(&db, project, "golden").await, [second.id], "{name}");
        assert_eq!(read(&db, third.id).await.name.as_deref(), Some("third"), "{name}: half of a lost step is there");
        let current = read(&db, second.id).await;
        let full = db.promote(&promotion(&made, Some(&current), &third), 2).await;
        assert!(matches!(full, Err(Error::OverQuota(_))), "{name}: {full:?}");
        assert_eq!(listed(&db, project, "golden").await, [second.id], "{name}: half of a refused step is there");
        let more =
            db.add_channel(&channel(project, "more"), &promotion(&channel(project, "more"), None, &third), 1).await;
        assert!(matches!(more, Err(Error::OverQuota(_))), "{name}: {more:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_channel_and_image_get_one_name_at_once() {
    for Fresh { name, db, .. } in both().await {
        let project = ProjectId::new();
        for n in 0..20 {
            let word = format!("golden-{n}");
            let (first, renamed) = (image(project, "first", 1), image(project, "other", 2));
            insert(&db, &first).await;
            insert(&db, &renamed).await;
            let (made, twin) = (channel(project, &word), image(project, &word, 3));
            let first = promotion(&made, None, &first);
            let renamed = Image { name: Some(word.clone()), ..renamed };
            let (added, inserted, changed) = tokio::join!(
                db.add_channel(&made, &first, 1000),
                db.insert_image(&twin, 0, LIMITS),
                db.update_image(&renamed),
            );
            let listed = listed(&db, project, &word).await;
            if added.is_ok() {
                assert_eq!(listed, [first.image.id], "{name}: {inserted:?} {changed:?}");
            } else {
                assert!(!listed.is_empty() && (inserted.is_ok() || changed.is_ok()), "{name}: nobody got it");
            }
        }
    }
}

#[tokio::test]
async fn release_is_shared_as_the_one_before_within_the_bound() {
    for Fresh { name, db, .. } in both().await {
        let project = ProjectId::new();
        let (made, first) = made(&db, project, "golden", 10).await;
        let second = image(project, "second", 2);
        insert(&db, &second).await;
        let (accepts, waits, more) = (ProjectId::new(), ProjectId::new(), ProjectId::new());
        for (of, to) in [(first.id, accepts), (first.id, waits), (second.id, more)] {
            let shared = read(&db, of).await;
            let (status, at) = (MemberStatus::Pending, 3);
            let member = Member { image: of, project: to, status, created_ms: at, updated_ms: at };
            assert_eq!(db.add_member(&member, &shared, 10).await.expect("share"), Step::Done, "{name}");
        }
        db.set_member_status(first.id, accepts, MemberStatus::Accepted).await.expect("accept");
        let (current, next) = (read(&db, first.id).await, read(&db, second.id).await);
        let three = db.promote(&promotion(&made, Some(&current), &next), 10).await;
        assert!(matches!(three, Err(Error::TooLarge(_))), "{name}: {three:?}");
        assert_eq!(db.members(second.id).await.expect("members").len(), 1, "{name}: half of it is there");
        db.remove_member(second.id, more).await.expect("end");
        db.promote(&promotion(&made, Some(&current), &next), 10).await.expect("promote");
        let members = db.members(second.id).await.expect("members");
        let mut found: Vec<_> = members.iter().map(|member| (member.project, member.status)).collect();
        found.sort_by_key(|(_, status)| *status != MemberStatus::Accepted);
        assert_eq!(found, [(accepts, MemberStatus::Accepted), (waits, MemberStatus::Pending)], "{name}");
    }
}

#[tokio::test]
async fn release_ends_at_its_date_and_goes_with_its_image() {
    for Fresh { name, db, .. } in both().await {
        let project = ProjectId::new();
        let (made, first) = made(&db, project, "golden", 10).await;
        let second = image(project, "second", 2);
        insert(&db, &second).await;
        db.promote(&promotion(&made, Some(&first), &second), 10).await.expect("promote");
        let old = read(&db, first.id).await;
        let dated = Image { deprecate_ms: Some(5), retire_ms: Some(10), ..old.clone() };
        assert_eq!(db.set_release(&dated, "ends").await.expect("set"), Step::Done, "{name}");
        assert_eq!(db.set_release(&dated, "late").await.expect("set"), Step::Lost, "{name}");
        assert_eq!(db.retire_releases(9).await.expect("retire"), 0, "{name}");
        assert_eq!(db.retire_releases(11).await.expect("retire"), 0, "{name}: it has no bytes, and is not active");
        assert_eq!(read(&db, first.id).await.status, Status::Queued, "{name}");
        let releases = db.releases(made.id, None).await.expect("releases");
        assert_eq!(releases[1].notes, "ends", "{name}");
        let revision = read(&db, first.id).await.revision;
        assert_eq!(db.delete_image(first.id, revision).await.expect("delete"), Step::Done, "{name}");
        assert_eq!(db.releases(made.id, None).await.expect("releases").len(), 1, "{name}");
        assert_eq!(db.delete_channel(made.id).await.expect("delete"), Step::Done, "{name}");
        let left = read(&db, second.id).await;
        assert_eq!((left.channel_id, left.release_number, left.hidden), (None, None, false), "{name}");
    }
}
