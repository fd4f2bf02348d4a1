//! Lists of images: what is seen, what is asked for, and in which order it comes.

use effigy::{
    identity::{
        Caller, ProjectRef, Role,
        image_policy::{self, ImageAction, ImageFacts, Verdict},
    },
    ids::ProjectId,
    model::{
        activity::ListActivity,
        image::{Image, Properties, PublicHold, Tags, Visibility},
        image_list::{
            Comparison, Condition, Direction, Kind, ListImages, Membership, NumberColumn, PageVisibility, Part,
            SortKey, TextColumn,
        },
        member::{Member, MemberStatus},
    },
};

use super::{
    Fresh, both,
    images::{image, insert},
};

/// A reader of this project, or the admin.
fn viewer(project: Option<ProjectId>) -> Caller {
    let operator = Caller::operator();
    let own = |id| ProjectRef { id, name: "own".into(), domain_id: "default".into() };
    match project {
        Some(project) => Caller { project: Some(own(project)), role: Some(Role::Reader), ..operator },
        None => Caller { project: Some(own(ProjectId::new())), role: Some(Role::Admin), ..operator },
    }
}

fn seen_of(project: Option<ProjectId>, visibility: Option<PageVisibility>, membership: Membership) -> Vec<Part> {
    image_policy::seen(&viewer(project), visibility, membership).expect("a reader lists")
}

/// The parts of the default list of this project, or of the admin.
fn seen(project: Option<ProjectId>) -> Vec<Part> {
    seen_of(project, None, Membership::Only(MemberStatus::Accepted))
}

fn page() -> ListImages {
    ListImages { limit: 100, ..ListImages::default() }
}

#[tokio::test]
async fn every_order_pages_through_every_image_once() {
    for Fresh { name, db, .. } in both().await {
        let (own, other, third) = (ProjectId::new(), ProjectId::new(), ProjectId::new());
        let mut visible = 0;
        for n in 0..12_i64 {
            let owner = [own, other, third][n as usize % 3];
            // Times repeat, names repeat, case differs: the order must be total and the same on both databases.
            let mut shown = image(owner, ["b", "B", "a", "_"][n as usize % 4], n / 4);
            shown.name = shown.name.filter(|name| name != "_");
            shown.visibility = [Visibility::Private, Visibility::Public, Visibility::Shared][n as usize % 3];
            insert(&db, &shown).await;
            if owner == third {
                let accepted = Member {
                    image: shown.id,
                    project: own,
                    status: MemberStatus::Accepted,
                    created_ms: 0,
                    updated_ms: 0,
                };
                db.add_member(&accepted, &shown, 10).await.expect("share");
            }
            visible += 1;
        }
        let keys = [
            SortKey::Name,
            SortKey::Status,
            SortKey::DiskFormat,
            SortKey::ContainerFormat,
            SortKey::SizeBytes,
            SortKey::Id,
            SortKey::CreatedMs,
            SortKey::UpdatedMs,
        ];
        for viewer in [Some(own), None] {
            for key in keys {
                for order in [Direction::Ascending, Direction::Descending] {
                    let mixed = vec![(key, order), (SortKey::Name, Direction::Ascending)];
                    let whole = ListImages { order: mixed, ..page() };
                    let all = db.image_page(&seen(viewer), &whole, None).await.expect("page").images;
                    assert_eq!(all.len(), visible, "{name}: {key:?}");
                    let mut paged: Vec<Image> = Vec::new();
                    loop {
                        let next = ListImages { limit: 5, ..whole.clone() };
                        let images = db.image_page(&seen(viewer), &next, paged.last()).await.expect("page").images;
                        if images.is_empty() {
                            break;
                        }
                        paged.extend(images);
                    }
                    assert!(paged == all, "{name}: {key:?} {order:?}");
                }
            }
            let by_name = ListImages { order: vec![(SortKey::Name, Direction::Ascending)], ..page() };
            let images = db.image_page(&seen(viewer), &by_name, None).await.expect("page").images;
            let names: Vec<_> = images.into_iter().map(|i| i.name).collect();
            assert!(names.is_sorted(), "{name}: {names:?}");
        }
    }
}

#[tokio::test]
async fn conditions_select_the_rows_that_match() {
    for Fresh { name, db, .. } in both().await {
        let own = ProjectId::new();
        let mut one = image(own, "one", 10_000);
        one.tags = Tags::of(&["t".to_owned(), "u".to_owned()].into());
        let mut two = image(own, "two", 20_999);
        two.hidden = true;
        two.properties = Properties::of(&[("os".to_owned(), "alpine".to_owned())].into());
        insert(&db, &one).await;
        insert(&db, &two).await;
        let number = |column, comparison, number| Condition::Number(column, comparison, number);
        let text = |column, texts: &[&str]| Condition::TextIn(column, texts.iter().map(|&t| t.to_owned()).collect());
        let cases = [
            (Condition::Tag("t".into()), 2),
            (Condition::Tag("u".into()), 1),
            (Condition::Tag("T".into()), 0),
            (Condition::Property("os".into(), "alpine".into()), 1),
            (Condition::Property("o".into(), "salpine".into()), 0),
            (text(TextColumn::Name, &["one"]), 1),
            (text(TextColumn::Name, &["one", "two", "three"]), 2),
            (text(TextColumn::Owner, &[&own.to_string()]), 2),
            (text(TextColumn::Status, &["active"]), 0),
            (text(TextColumn::Id, &[&one.id.to_string(), &two.id.to_string()]), 2),
            (text(TextColumn::DiskFormat, &["raw"]), 2),
            (text(TextColumn::ContainerFormat, &["ova"]), 0),
            (text(TextColumn::Checksum, &["x"]), 0),
            (text(TextColumn::OsHash, &["x"]), 0),
            (Condition::Protected(true), 0),
            (Condition::Protected(false), 2),
            (number(NumberColumn::SizeBytes, Comparison::GreaterOrEqual, 0), 0),
            (number(NumberColumn::MinDiskGib, Comparison::LessOrEqual, 0), 2),
            (number(NumberColumn::MinRamMib, Comparison::Less, 0), 0),
            (number(NumberColumn::CreatedMs, Comparison::Equal, 20), 1),
            (number(NumberColumn::UpdatedMs, Comparison::Greater, 10), 1),
        ];
        for (condition, expected) in cases {
            let mut found = 0;
            for hidden in [false, true] {
                let wanted = ListImages { conditions: vec![condition.clone()], hidden, ..page() };
                found += db.image_page(&seen(Some(own)), &wanted, None).await.expect("page").images.len();
            }
            assert_eq!(found, expected, "{name}: {condition:?}");
        }
        for (hidden, shown) in [(false, &one), (true, &two)] {
            let wanted = ListImages { hidden, ..page() };
            let stranger = db.image_page(&seen(Some(ProjectId::new())), &wanted, None).await.expect("page").images;
            assert!(stranger.is_empty(), "{name}");
            let all = seen_of(Some(own), Some(PageVisibility::All), Membership::All);
            let found = db.image_page(&all, &wanted, None).await.expect("page").images;
            assert_eq!(found.iter().map(|image| image.id).collect::<Vec<_>>(), [shown.id], "{name}");
        }
    }
}

/// An image of every owner, visibility and hold, and what `project` has made of it.
fn every_image(project: ProjectId) -> Vec<(Image, Option<MemberStatus>)> {
    use Visibility::{Community, Private, Public, Shared};
    let memberships = [None, Some(MemberStatus::Pending), Some(MemberStatus::Accepted), Some(MemberStatus::Rejected)];
    let mut images = Vec::new();
    for owner in [project, ProjectId::new()] {
        for visibility in [Private, Shared, Community, Public] {
            for hold in [None, Some(PublicHold::Held)].into_iter().take(if visibility == Private { 1 } else { 2 }) {
                // Members stay when the visibility of a shared image changes, and count for nothing then.
                for membership in memberships {
                    let mut shown = image(owner, "x", images.len() as i64);
                    (shown.visibility, shown.public_hold) = (visibility, hold);
                    images.push((shown, membership));
                }
            }
        }
    }
    images
}

/// Whether the question is about this image, as `project` tells images apart.
fn is_asked_for(question: Option<PageVisibility>, image: &Image, project: ProjectId) -> bool {
    let is_own = image.owner == project;
    match question {
        None => image.visibility != Visibility::Community || is_own,
        Some(PageVisibility::All) => true,
        Some(PageVisibility::Only(visibility)) => image.visibility == visibility,
        Some(PageVisibility::Kind(Kind::Public)) => image.visibility == Visibility::Public,
        Some(PageVisibility::Kind(Kind::Private)) => is_own && image.visibility != Visibility::Public,
        Some(PageVisibility::Kind(Kind::Shared)) => !is_own && image.visibility == Visibility::Shared,
        Some(PageVisibility::Kind(Kind::Community)) => !is_own && image.visibility == Visibility::Community,
    }
}

#[tokio::test]
async fn lists_hold_exactly_what_is_shown() {
    use Visibility::{Community, Private, Public, Shared};
    let only = [Private, Shared, Community, Public].map(PageVisibility::Only);
    let kinds = [Kind::Public, Kind::Private, Kind::Shared, Kind::Community].map(PageVisibility::Kind);
    let questions = [&[None, Some(PageVisibility::All)][..], &only.map(Some), &kinds.map(Some)].concat();
    let statuses = [MemberStatus::Pending, MemberStatus::Accepted, MemberStatus::Rejected];
    let memberships = [&[Membership::All][..], &statuses.map(Membership::Only)].concat();
    for Fresh { name, db, .. } in both().await {
        let project = ProjectId::new();
        let images = every_image(project);
        for (shown, membership) in &images {
            let undeclared = Image { visibility: Shared, public_hold: None, ..shown.clone() };
            insert(&db, &undeclared).await;
            if let Some(status) = *membership {
                let member = Member { image: shown.id, project, status, created_ms: 0, updated_ms: 0 };
                db.add_member(&member, &undeclared, 10).await.expect("share");
            }
            let now = db.image(shown.id, None).await.expect("read").expect("the image").0;
            let declared = Image { visibility: shown.visibility, public_hold: shown.public_hold, ..now };
            db.update_image(&declared).await.expect("declare");
        }
        for question in &questions {
            for wanted in &memberships {
                let parts = seen_of(Some(project), *question, *wanted);
                let found = db.image_page(&parts, &page(), None).await.expect("page").images;
                let counted = db.count_images(&parts, &page()).await.expect("count");
                assert_eq!(counted as usize, found.len(), "{name}: {question:?} {wanted:?}");
                for (image, membership) in &images {
                    let facts = ImageFacts {
                        owner: image.owner,
                        visibility: image.visibility,
                        is_held_back: image.public_hold.is_some(),
                        is_deactivated: false,
                        membership: *membership,
                    };
                    let shown = image_policy::image(&viewer(Some(project)), ImageAction::Show, facts);
                    let is_by_membership = image.owner != project && image.visibility == Shared;
                    let is_wanted = match wanted {
                        // A rejected image is shown by its address alone.
                        _ if is_by_membership && *membership == Some(MemberStatus::Rejected) => false,
                        Membership::Only(status) if is_by_membership => *membership == Some(*status),
                        _ => true,
                    };
                    let expected = shown == Verdict::Allowed && is_wanted && is_asked_for(*question, image, project);
                    let times = found.iter().filter(|listed| listed.id == image.id).count();
                    assert_eq!(times, usize::from(expected), "{name}: {question:?} {wanted:?}: {facts:?}");
                }
            }
        }
        let all = db.image_page(&seen(None), &page(), None).await.expect("page").images;
        assert_eq!(all.len(), images.len(), "{name}: the admin sees every image");
    }
}

#[tokio::test]
async fn page_ends_early_where_its_images_are_large() {
    for Fresh { name, db, .. } in both().await {
        let own = ProjectId::new();
        for age in 0..40 {
            let mut large = image(own, "large", age);
            large.properties = Properties::of(&[("notes".to_owned(), "x".repeat(1 << 18))].into());
            insert(&db, &large).await;
        }
        let first = db.image_page(&seen(Some(own)), &page(), None).await.expect("page");
        let rest = db.image_page(&seen(Some(own)), &page(), first.images.last()).await.expect("page");
        assert!(first.is_more && !rest.is_more, "{name}");
        assert_eq!((first.images.len(), rest.images.len()), (32, 8), "{name}");
    }
}

#[tokio::test]
async fn labels_of_strangers_images_change_nothing_that_is_asked() {
    for Fresh { name, db, .. } in both().await {
        let (own, stranger) = (ProjectId::new(), ProjectId::new());
        let mut theirs = image(stranger, "theirs", 1);
        theirs.tags = Tags::of(&["theirs".to_owned()].into());
        theirs.properties = Properties::of(&[("os".to_owned(), "theirs".to_owned())].into());
        insert(&db, &theirs).await;
        let nobodys = Condition::Tag("nobody's".into());
        for label in [Condition::Tag("theirs".into()), Condition::Property("os".into(), "theirs".into()), nobodys] {
            let wanted = ListImages { conditions: vec![label], ..page() };
            let asked = db.narrowed(&seen(Some(own)), &wanted).await.expect("a question").expect("the same question");
            assert_eq!(format!("{asked:?}"), format!("{wanted:?}"), "{name}");
            assert!(db.image_page(&seen(Some(own)), &wanted, None).await.expect("page").images.is_empty());
        }
        // The administrator sees them all, and is answered from the label.
        let wanted = ListImages { conditions: vec![Condition::Tag("nobody's".into())], ..page() };
        assert!(db.narrowed(&seen(None), &wanted).await.expect("a question").is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_search_a_verdict_and_a_failure_are_found_in_both_databases() {
    for Fresh { name, db, .. } in both().await {
        let own = ProjectId::new();
        let mut debian = image(own, "One", 1);
        debian.tags = Tags::of(&["Nightly".to_owned()].into());
        debian.properties = Properties::of(&[("os_distro".to_owned(), "debian".to_owned())].into());
        insert(&db, &debian).await;
        let mut other = image(own, "two_%!", 2);
        other.properties = Properties::of(&[("note".to_owned(), "\"os_distro\":\"debian".to_owned())].into());
        insert(&db, &other).await;
        let found = async |condition: Condition| {
            let wanted = ListImages { conditions: vec![condition], ..page() };
            let page = db.image_page(&seen(Some(own)), &wanted, None).await.expect("a page");
            page.images.into_iter().filter_map(|image| image.name).collect::<Vec<_>>()
        };
        for text in ["one", "NIGHT", "Deb", &debian.id.to_string()[..9]] {
            assert_eq!(found(Condition::Matches(text.into())).await, ["One"], "{name}: {text}");
        }
        for text in ["_%!", "%!"] {
            assert_eq!(found(Condition::Matches(text.into())).await, ["two_%!"], "{name}: {text}");
        }
        assert_eq!(found(Condition::Matches("o%e".into())).await, Vec::<String>::new(), "{name}");
        assert_eq!(found(Condition::Failed(true)).await, Vec::<String>::new(), "{name}");
        assert_eq!(found(Condition::Failed(false)).await.len(), 2, "{name}");
        let passed = Condition::TextIn(TextColumn::Verdict, vec!["passed".into()]);
        assert_eq!(found(passed).await, Vec::<String>::new(), "{name}");
        let private = Condition::TextIn(TextColumn::Visibility, vec!["private".into()]);
        assert_eq!(found(private).await.len(), 2, "{name}");
        db.close().await;
    }
}

#[tokio::test]
async fn activity_and_sharing_are_told_by_both_databases() {
    for Fresh { name, db, .. } in both().await {
        let (own, other) = (ProjectId::new(), ProjectId::new());
        let mut shared = image(other, "offered", 1);
        shared.visibility = Visibility::Shared;
        insert(&db, &shared).await;
        let member =
            Member { image: shared.id, project: own, status: MemberStatus::Rejected, created_ms: 1, updated_ms: 2 };
        db.add_member(&member, &shared, 8).await.expect("a member");
        for since_ms in [None, Some(0)] {
            let wanted = ListActivity { since_ms, limit: 8 };
            assert!(db.image_activity(other, wanted).await.expect("activity").is_empty(), "{name}: nothing was done");
            assert!(db.instance_activity(other, wanted).await.expect("activity").is_empty(), "{name}");
        }
        let rejected = db.rejected_images(own, 8).await.expect("rejected images");
        assert_eq!(rejected.iter().map(|image| (image.image, image.owner)).collect::<Vec<_>>(), [(shared.id, other)]);
        assert!(db.sharing_projects(own, 8).await.expect("names").is_empty(), "{name}: no record has that id");
        db.close().await;
    }
}
