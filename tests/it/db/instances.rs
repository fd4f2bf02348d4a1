//! The rows of instances: reserved under a quota, changed by compare-and-set, on both databases.

use effigy::{
    Error,
    ids::{ImageId, InstanceId, ProjectId, UserId},
    model::{
        action::{ActionResult, ActionRow, History},
        flavor::Flavor,
        instance::{
            Fault, FirstBoot, Forward, GuestFile, Inherited, InstanceMake, InstanceRow, InstanceState, InstancesSeen,
            Lock, Reservation, Status, TaskState, Usage,
        },
        instance_list::{Direction, InstancePage, SortKey},
    },
};

use super::{Fresh, both};

fn secret() -> FirstBoot {
    let files = vec![GuestFile { path: "/etc/motd".into(), contents: vec![0, 255] }];
    FirstBoot { user_data: Some(b"secret".to_vec()), files }
}

fn instance(project: ProjectId, index: u32, number: u32) -> (InstanceRow, ActionRow) {
    let (id, user) = (InstanceId::new(), UserId::new());
    let row = InstanceRow {
        id,
        project_id: project,
        user_id: user,
        name: format!("i-{index}"),
        description: None,
        hostname: "i".into(),
        metadata: Default::default(),
        access: Default::default(),
        tags: vec![],
        make: InstanceMake {
            image: ImageId::new(),
            image_name: "base".into(),
            hardware: [("hw_disk_bus".to_owned(), "ide".to_owned())].into(),
            inherited: Inherited { min_ram_mib: 64, ..Inherited::default() },
            machine: Some(Default::default()),
            base_root: "ab".repeat(32),
            base_store: "local".into(),
            base_bytes: 1 << 20,
            disk_bytes: 1 << 40,
            flavor: Flavor::default(),
            vcpus: 2,
            memory_mib: 64,
            key_name: None,
            public_key: None,
            mac: Some("fa:16:3e:00:00:01".into()),
            launch_index: index,
            reservation_id: "r-1".into(),
        },
        lock: None,
        server_group: None,
        number,
        state: InstanceState::new(Status::Build, Some(TaskState::Spawning)),
        created_ms: 1000 + i64::from(index),
        updated_ms: 1000,
    };
    let action = ActionRow {
        id: InstanceId::new().to_string(),
        action: "create".into(),
        instance_id: id,
        request_id: "req-1".into(),
        user_id: user,
        project_id: project,
        start_ms: 1,
        finish_ms: None,
        result: None,
        message: None,
    };
    (row, action)
}

fn reservation(project: ProjectId, min: u32, max: u32) -> Reservation {
    let quota = Usage { instances: 5, vcpus: 100, memory_mib: 10_000, disk_gib: 5 << 10 };
    Reservation {
        project,
        min,
        max,
        vcpus: 2,
        memory_mib: 64,
        disk_bytes: 1 << 40,
        quota,
        host_memory_mib: 100_000,
        server_group: None,
    }
}

#[tokio::test]
async fn row_comes_back_as_written_and_its_state_changes_only_from_the_present_one() {
    for Fresh { name, db, _folder, .. } in both().await {
        let project = ProjectId::new();
        let made =
            db.add_instances(&reservation(project, 1, 1), &secret(), |i, n| instance(project, i, n)).await.unwrap();
        let row = &made[0].0;
        let found = db.instance(row.id).await.unwrap().unwrap();
        assert_eq!(
            (found.number, &found.make.hardware, &found.make.inherited, &found.make.mac),
            (0, &row.make.hardware, &row.make.inherited, &row.make.mac),
            "{name}"
        );
        assert_eq!((&found.state, found.make.disk_bytes), (&row.state, 1 << 40), "{name}");

        let new = InstanceState {
            status: Status::Error,
            task: None,
            fault: Some(Fault { code: 500, message: "no".into(), created_ms: 7 }),
            accel: Some("tcg".into()),
            forwards: vec![Forward {
                guest_port: 22,
                address: std::net::Ipv4Addr::LOCALHOST,
                host_port: 4000,
                behind: None,
                obstacle: None,
            }],
            capture: Some(ImageId::new()),
            launched_ms: Some(8),
            resized_from: None,
            terminated_ms: None,
            ..InstanceState::new(Status::Active, None)
        };
        db.set_instance_state(row.id, &row.state, &new, History::GoesOn).await.expect(name);
        assert!(
            matches!(
                db.set_instance_state(row.id, &row.state, &new, History::GoesOn).await,
                Err(effigy::error::Error::Conflict(_))
            ),
            "{name}: from a state that is past"
        );
        assert_eq!(db.instance(row.id).await.unwrap().unwrap().state, new, "{name}");

        let changed = db.change_instance(row.id, |row| {
            row.tags = vec!["a".into()];
            row.lock = Some(Lock { by_admin: true, reason: None });
            Ok(())
        });
        assert!(changed.await.unwrap().is_some(), "{name}");
        let found = db.instance(row.id).await.unwrap().unwrap();
        assert_eq!((found.tags, found.lock.unwrap().by_admin, found.state), (vec!["a".into()], true, new), "{name}");
    }
}

#[tokio::test]
async fn disks_at_their_full_size_count_in_the_quota_of_instances() {
    for Fresh { name, db, _folder, .. } in both().await {
        let project = ProjectId::new();
        let mut wanted = reservation(project, 1, 5);
        wanted.quota.disk_gib = 3 << 10;
        let made = db.add_instances(&wanted, &secret(), |i, n| instance(project, i, n)).await.unwrap();
        assert_eq!(made.len(), 3, "{name}");
        assert_eq!(db.instance_usage(project).await.unwrap().disk_gib, 3 << 10, "{name}");
        let refused = db.add_instances(&wanted, &secret(), |i, n| instance(project, i, n)).await.unwrap_err();
        let words = "Quota exceeded for disk: Requested 1024, but already used 3072 of 3072 disk";
        assert_eq!(refused.to_string(), words, "{name}");
    }
}

#[tokio::test]
async fn fifty_launches_racing_for_the_last_of_a_quota_never_pass_it() {
    for Fresh { name, db, _folder, .. } in both().await {
        let project = ProjectId::new();
        let launches = (0..50).map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                db.add_instances(&reservation(project, 1, 1), &secret(), |i, n| instance(project, i, n)).await
            })
        });
        let (mut made, mut refused) = (0, 0);
        for launch in launches.collect::<Vec<_>>() {
            match launch.await.unwrap() {
                Ok(rows) => made += rows.len(),
                Err(Error::OverQuota(_)) => refused += 1,
                Err(other) => panic!("{name}: {other}"),
            }
        }
        assert_eq!((made, refused), (5, 45), "{name}");
        let usage = db.instance_usage(project).await.unwrap();
        assert_eq!((usage.instances, usage.vcpus, usage.memory_mib), (5, 10, 320), "{name}");
        let all = db.usage_by_project().await.unwrap();
        let own = all.iter().find(|of| of.project == project).expect("the project");
        assert_eq!(own.instances, usage, "{name}");
        assert!(db.running_usage().await.unwrap().instances >= 5, "{name}");
        let mut numbers: Vec<_> = db.instances(Some(project), InstancesSeen::Living).await.unwrap();
        numbers.sort_by_key(|row| row.number);
        let numbers: Vec<_> = numbers.iter().map(|row| row.number).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4], "{name}");
    }
}

#[tokio::test]
async fn deleted_instance_gives_its_quota_number_and_root_back_and_keeps_its_history() {
    for Fresh { name, db, _folder, .. } in both().await {
        let project = ProjectId::new();
        let made =
            db.add_instances(&reservation(project, 2, 9), &secret(), |i, n| instance(project, i, n)).await.unwrap();
        assert_eq!(made.len(), 5, "{name}: as many as fit");
        assert_eq!(super::images::roots(&db, "local").await, ["ab".repeat(32)], "{name}");
        let (row, mut action) = made[1].clone();
        (action.id, action.action) = (InstanceId::new().to_string(), "delete".into());
        let deleting = InstanceState::new(Status::Build, Some(TaskState::Deleting));
        let begins = History::Begins(&action);
        db.set_instance_state(row.id, &row.state, &deleting, begins).await.expect(name);
        let deleted = InstanceState::new(Status::Deleted, None);
        let ends = History::Ends(None);
        db.set_instance_state(row.id, &deleting, &deleted, ends).await.expect(name);
        let kept = async |id| db.first_boot(id).await.unwrap();
        assert_eq!((kept(row.id).await, kept(made[2].0.id).await), (FirstBoot::default(), secret()), "{name}");
        let mut history = db.instance_actions(row.id, 10).await.unwrap();
        history.sort_by(|a, b| a.action.cmp(&b.action));
        let results: Vec<_> = history.iter().map(|a| (a.action.as_str(), a.result)).collect();
        let expected = [("create", Some(ActionResult::Error)), ("delete", Some(ActionResult::Success))];
        assert_eq!(results, expected, "{name}: what had not ended was overtaken");

        let again =
            db.add_instances(&reservation(project, 1, 1), &secret(), |i, n| instance(project, i, n)).await.unwrap();
        assert_eq!(again[0].0.number, row.number, "{name}");
        assert_eq!(db.instances(None, InstancesSeen::Deleted).await.unwrap().len(), 1, "{name}");
        assert_eq!(db.instances(None, InstancesSeen::ChangedSince(0)).await.unwrap().len(), 6, "{name}");
        assert_eq!(db.instance_memory_in_use(again[0].0.id).await.unwrap(), 4 * 64, "{name}");
    }
}

#[tokio::test]
async fn every_order_pages_through_every_instance_once() {
    for Fresh { name, db, _folder, .. } in both().await {
        let mut there = Vec::new();
        for project in [ProjectId::new(), ProjectId::new()] {
            let wanted = reservation(project, 5, 5);
            let first_boot = secret();
            let made = db.add_instances(&wanted, &first_boot, |i, n| {
                let (mut row, action) = instance(project, i, n);
                // Names repeat and their case differs; times repeat.
                (row.name, row.created_ms) = (["b", "B", "a"][i as usize % 3].into(), i64::from(i / 2));
                row.access.v4 = (i > 1).then(|| [192, 0, 2, i as u8].into());
                (row, action)
            });
            there.extend(made.await.unwrap());
        }
        let running = InstanceState { launched_ms: Some(5), ..InstanceState::new(Status::Active, None) };
        for (row, _) in there.iter().step_by(2) {
            db.set_instance_state(row.id, &row.state, &running, History::GoesOn).await.expect(name);
        }
        let keys = [
            SortKey::Created,
            SortKey::Updated,
            SortKey::Launched,
            SortKey::Name,
            SortKey::Status,
            SortKey::AccessIpv4,
            SortKey::AccessIpv6,
            SortKey::Id,
        ];
        for (project, count) in [(None, 10), (Some(there[0].0.project_id), 5)] {
            for (key, direction) in
                keys.iter().flat_map(|key| [(*key, Direction::Ascending), (*key, Direction::Descending)])
            {
                let order = vec![(key, direction), (SortKey::Name, Direction::Ascending)];
                let mut page = InstancePage { order, ..InstancePage::of(project, InstancesSeen::Living, 100) };
                let all: Vec<_> = db.instance_page(&page).await.unwrap().iter().map(|row| row.id).collect();
                assert_eq!(all.len(), count, "{name}: {key:?}");
                page.limit = 3;
                let mut paged = Vec::new();
                loop {
                    let rows = db.instance_page(&page).await.unwrap();
                    page.after = rows.last().cloned();
                    paged.extend(rows.iter().map(|row| row.id));
                    if rows.is_empty() {
                        break;
                    }
                }
                assert_eq!(paged, all, "{name}: {key:?} {direction:?}");
            }
            let order = vec![(SortKey::Name, Direction::Ascending)];
            let by_name = InstancePage { order, ..InstancePage::of(project, InstancesSeen::Living, 100) };
            let rows = db.instance_page(&by_name).await.unwrap();
            assert!(rows.iter().map(|row| &row.name).is_sorted(), "{name}");
        }
    }
}

#[tokio::test]
async fn page_holds_what_its_filters_say() {
    for Fresh { name, db, _folder, .. } in both().await {
        let project = ProjectId::new();
        let wanted = reservation(project, 3, 3);
        let first_boot = secret();
        let made = db.add_instances(&wanted, &first_boot, |i, n| {
            let (mut row, action) = instance(project, i, n);
            row.make.key_name = (i == 0).then(|| "key".into());
            row.make.reservation_id = format!("r-{i}");
            row.updated_ms = 1000 + i64::from(i);
            (row, action)
        });
        let made = made.await.unwrap();
        let page = || InstancePage::of(Some(project), InstancesSeen::Living, 10);
        let first = &made[0].0;
        for (page, expected) in [
            (page(), vec![2, 1, 0]),
            (InstancePage { user: Some(first.user_id), ..page() }, vec![0]),
            (InstancePage { image: Some(first.make.image), ..page() }, vec![0]),
            (InstancePage { key_name: Some("key".into()), ..page() }, vec![0]),
            (InstancePage { reservation_id: Some("r-1".into()), ..page() }, vec![1]),
            (InstancePage { status: vec![Status::Active], ..page() }, vec![]),
            (InstancePage { status: vec![Status::Active, Status::Build], ..page() }, vec![2, 1, 0]),
            (InstancePage { changes_since_ms: Some(1001), ..page() }, vec![2, 1]),
            (InstancePage { changes_before_ms: Some(1001), ..page() }, vec![1, 0]),
            (InstancePage { seen: InstancesSeen::Deleted, ..page() }, vec![]),
            (InstancePage { seen: InstancesSeen::ChangedSince(1002), ..page() }, vec![2]),
            (InstancePage { after: Some(made[1].0.clone()), ..page() }, vec![0]),
            (InstancePage { limit: 1, ..page() }, vec![2]),
        ] {
            let found: Vec<_> =
                db.instance_page(&page).await.unwrap().iter().map(|row| row.make.launch_index).collect();
            assert_eq!(found, expected, "{name}: {page:?}");
        }
    }
}

#[tokio::test]
async fn instances_that_were_deleted_long_ago_are_forgotten_with_their_history() {
    for Fresh { name, db, _folder, .. } in both().await {
        let project = ProjectId::new();
        let made =
            db.add_instances(&reservation(project, 3, 3), &secret(), |i, n| instance(project, i, n)).await.unwrap();
        let deleted = InstanceState::new(Status::Deleted, None);
        for (row, _) in &made[..2] {
            db.set_instance_state(row.id, &row.state, &deleted, History::Ends(None)).await.expect(name);
        }
        assert_eq!(db.forget_instances(1000, 10).await.unwrap(), 0, "{name}: they have just been deleted");
        assert_eq!(db.forget_instances(i64::MAX, 1).await.unwrap(), 1, "{name}");
        assert_eq!(db.forget_instances(i64::MAX, 10).await.unwrap(), 1, "{name}");
        for (row, _) in &made[..2] {
            assert!(db.instance(row.id).await.unwrap().is_none(), "{name}");
            assert!(db.instance_actions(row.id, 10).await.unwrap().is_empty(), "{name}");
        }
        assert!(db.instance(made[2].0.id).await.unwrap().is_some(), "{name}: it lives");
        assert_eq!(db.instance_actions(made[2].0.id, 10).await.unwrap().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn usage_reads_what_lives_and_what_ended_since_in_pages_by_id() {
    for Fresh { name, db, _folder, .. } in both().await {
        let (project, other) = (ProjectId::new(), ProjectId::new());
        let made =
            db.add_instances(&reservation(project, 5, 5), &secret(), |i, n| instance(project, i, n)).await.unwrap();
        db.add_instances(&reservation(other, 1, 1), &secret(), |i, n| instance(other, i, n)).await.unwrap();
        // They were last changed at 1000.
        let before_ms = 1001;
        for (row, _) in &made[..2] {
            let gone = InstanceState { terminated_ms: Some(1), ..InstanceState::new(Status::Deleted, None) };
            db.set_instance_state(row.id, &row.state, &gone, History::GoesOn).await.expect(name);
        }
        let mut ids: Vec<_> = made.iter().map(|(row, _)| row.id).collect();
        ids.sort_unstable();
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = db.used_instances(Some(project), before_ms, after, 2).await.unwrap();
            assert!(page.len() <= 2, "{name}");
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            paged.extend(page.into_iter().map(|used| used.id));
        }
        assert_eq!(paged, ids, "{name}: each one once, in order");
        let later = db.used_instances(Some(project), i64::MAX, None, 100).await.unwrap();
        assert_eq!(later.len(), 3, "{name}: those that ended before are left out");
        assert_eq!(db.used_instances(None, before_ms, None, 100).await.unwrap().len(), 6, "{name}: of every project");
    }
}
