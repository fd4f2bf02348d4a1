//! Images that are cast from disks: their rendered file, their checksums, their ends.
//!
//! In one process with the images room: what an instance's disk is made of is this test's choice.

use std::{collections::BTreeMap, ops::Range, process::Command};

use bytes::Bytes;
use effigy::{
    config,
    db::Database,
    error::Error,
    identity::{Caller, Identity, ProjectRef, Role, UserRef},
    ids::{ImageId, InstanceId, ProjectId, UserId},
    images::{Images, Settings, SnapshotOf, Status},
    inspect::{Inspector, SigningKey},
    jobs::{Queue, Work},
    stores::{Session, Stores},
};
use futures::TryStreamExt as _;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::bytes;

struct Room {
    images: Images,
    stores: Stores,
    db: Database,
    caller: Caller,
    folder: TempDir,
}

impl Room {
    async fn open(quota: config::Quota) -> Room {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::sqlite(&folder.path().join("effigy.db")).await.unwrap();
        let stores = Stores::local(&db, folder.path().join("store")).await.unwrap();
        let identity = Identity::open(db.clone(), config::Identity::default()).await.unwrap();
        let key = SigningKey::generate().unwrap();
        let inspector = Inspector::new(Default::default(), key, env!("CARGO_BIN_EXE_effigy").into());
        let settings = Settings {
            images: Default::default(),
            import: Default::default(),
            sharing: Default::default(),
            quota,
            patience: config::Server::default().patience(),
            inspector,
        };
        let images = Images::open(db.clone(), stores.clone(), identity, Queue::new(db.clone()), settings);
        let caller = Caller {
            user: UserRef { id: UserId::new(), name: "alice".into(), domain_id: "default".into() },
            project: Some(ProjectRef { id: ProjectId::new(), name: "web".into(), domain_id: "default".into() }),
            role: Some(Role::Member),
            request_id: "req-test".into(),
            address: None,
            session: None,
        };
        Room { images, stores, db, caller, folder }
    }

    async fn begin(&self, expected_bytes: u64) -> effigy::Result<ImageId> {
        let of = SnapshotOf {
            instance_id: InstanceId::new(),
            base_image: Some(ImageId::new()),
            name: "cast".into(),
            properties: BTreeMap::from([("os_distro".into(), "debian".into()), ("status".into(), "evil".into())]),
            expected_bytes,
            min_disk_gib: 1,
            min_ram_mib: 0,
        };
        self.images.begin_snapshot(&self.caller, of).await
    }

    /// A disk with data here and there, its content, and the session that keeps it until an image does.
    async fn disk(&self, size_bytes: u64, data: &[(u64, u64)]) -> (Vec<u8>, chunks::Content, Session) {
        let mut disk = vec![0; size_bytes as usize];
        for (at, chunks) in data {
            let range = (at * 65_536) as usize..(((at + chunks) * 65_536).min(size_bytes)) as usize;
            let len = range.len();
            disk[range].copy_from_slice(&bytes(*at + 1, len));
        }
        let session = self.stores.default_store().begin().await.unwrap();
        let mut writer = session.chunks.writer();
        writer.write(Bytes::from(disk.clone())).await.unwrap();
        let content = writer.finish().await.unwrap();
        (disk, content, session)
    }

    async fn read(&self, id: ImageId, range: Range<u64>) -> Vec<u8> {
        let file = self.images.file(&self.caller, id).await.unwrap().expect("the image has a file");
        let parts: Vec<Bytes> = file.stream(range).try_collect().await.unwrap();
        parts.concat()
    }
}

#[tokio::test]
async fn cast_images_file_is_a_qcow2_of_its_disk_in_every_part() {
    let room = Room::open(config::Quota::default()).await;
    let (disk, content, session) = room.disk(9 * 65_536 + 1024, &[(0, 1), (2, 3), (9, 1)]).await;
    let id = room.begin(1 << 20).await.unwrap();
    let saving = room.images.show(&room.caller, id).await.unwrap();
    assert_eq!((saving.status, saving.progress), (Status::Saving, Some(0)));
    assert!(room.images.file(&room.caller, id).await.unwrap().is_none());
    room.images.snapshot_progress(id, 50).await.unwrap();

    room.images.finish_snapshot(&room.caller, id, &session, content).await.unwrap();
    let again = room.images.finish_snapshot(&room.caller, id, &session, content).await;
    again.expect("a second end after a crash does no harm");
    session.finish().await;

    let image = room.images.show(&room.caller, id).await.unwrap();
    assert_eq!((image.status, image.progress), (Status::Active, None));
    assert_eq!((image.disk_format.as_deref(), image.disk_bytes), (Some("qcow2"), Some(disk.len() as i64)));
    assert_eq!((image.checksum, image.os_hash), (None, None), "nobody has computed them yet");
    let properties: BTreeMap<String, String> = serde_json::from_str(&image.properties).unwrap();
    assert_eq!(properties["image_type"], "snapshot");
    assert_eq!(properties["user_id"], room.caller.user.id.to_string());
    assert_eq!(properties["os_distro"], "debian");
    assert!(properties.contains_key("instance_uuid") && properties.contains_key("base_image_ref"));
    assert!(!properties.contains_key("status"), "a property took an attribute's name");

    let size = image.size_bytes.unwrap() as u64;
    let whole = room.read(id, 0..size).await;
    assert_eq!(whole.len() as u64, size);
    for range in [0..1, 1..65_537, 65_535..65_540, 100_000..300_000, size - 70_000..size, size - 1..size] {
        let part = &whole[range.start as usize..range.end as usize];
        assert!(room.read(id, range.clone()).await == part, "{range:?}");
    }
    let (qcow2, raw) = (room.folder.path().join("file.qcow2"), room.folder.path().join("file.raw"));
    std::fs::write(&qcow2, &whole).unwrap();
    for arguments in [&["check", "-q", "-f", "qcow2"][..], &["convert", "-f", "qcow2", "-O", "raw"]] {
        let mut command = Command::new("qemu-img");
        command.args(arguments).arg(&qcow2);
        if arguments[0] == "convert" {
            command.arg(&raw);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(std::fs::read(&raw).unwrap() == disk, "qemu-img reads another disk");
}

#[tokio::test]
async fn job_computes_a_cast_images_checksums() {
    let room = Room::open(config::Quota::default()).await;
    let (_, content, session) = room.disk(200_000, &[(1, 1)]).await;
    let id = room.begin(0).await.unwrap();
    room.images.finish_snapshot(&room.caller, id, &session, content).await.unwrap();
    let image = room.images.show(&room.caller, id).await.unwrap();
    let whole = room.read(id, 0..image.size_bytes.unwrap() as u64).await;
    let worker = Queue::new(room.db.clone());
    let (stop, images) = (CancellationToken::new(), room.images.clone());
    let body = {
        let (stop, images) = (stop.clone(), images.clone());
        move |job: effigy::jobs::Job| {
            let (stop, images) = (stop.clone(), images.clone());
            async move {
                assert_eq!(job.work, Work::Checksum { image: id });
                images.compute_checksums(id, &job.stop).await?;
                stop.cancel();
                Ok(())
            }
        }
    };
    worker.work_on(effigy::jobs::Lane::Back, stop, body).await;
    let image = room.images.show(&room.caller, id).await.unwrap();
    let md5 = openssl::hash::hash(openssl::hash::MessageDigest::md5(), &whole).unwrap();
    assert_eq!(image.checksum, Some(md5.iter().map(|byte| format!("{byte:02x}")).collect()));
    assert_eq!(image.os_hash.map(|hash| hash.len()), Some(128));
}

#[tokio::test]
async fn cast_image_that_cannot_be_made_says_why_and_counts_nothing() {
    let quota = config::Quota { image_bytes: 1 << 20, ..Default::default() };
    let room = Room::open(quota).await;
    assert!(matches!(room.begin(2 << 20).await, Err(Error::OverQuota(_))));
    let id = room.begin(1000).await.unwrap();
    let (_, large, session) = room.disk(2 << 20, &[(0, 32)]).await;
    let refused = room.images.finish_snapshot(&room.caller, id, &session, large).await;
    assert!(matches!(refused, Err(Error::OverQuota(_))), "{refused:?}");
    room.images.fail_snapshot(id, "over quota").await.unwrap();
    let image = room.images.show(&room.caller, id).await.unwrap();
    assert_eq!((image.status, image.reason.as_deref()), (Status::Queued, Some("over quota")));
    assert_eq!(room.images.usage(&room.caller).await.unwrap().0.bytes, 0);
    room.images.delete(&room.caller, id).await.unwrap();
    assert!(matches!(room.images.snapshot_progress(id, 1).await, Err(Error::Gone(_))));
    assert!(matches!(room.images.finish_snapshot(&room.caller, id, &session, large).await, Err(Error::Gone(_))));
    assert!(chunks::Roots::roots(&room.stores.default_store().index).await.unwrap().is_empty());
}
