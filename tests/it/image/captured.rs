//! Images that are captured from disks: their rendered file, their checksums, their ends.
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
    images::{CaptureOf, Changed, Fill, Images, Settings, Status},
    inspect::{Inspector, SigningKey},
    queue::{Job, Lane, Queue, Work},
    stores::{Place, Session, Stores},
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
        let image = ImageId::new();
        let of = CaptureOf {
            image,
            owner: self.caller.project.as_ref().unwrap().id,
            instance: InstanceId::new(),
            base_image: Some(ImageId::new()),
            name: "captured".into(),
            properties: BTreeMap::from([("os_distro".into(), "debian".into()), ("status".into(), "evil".into())]),
            expected_bytes,
            min_disk_gib: 1,
            min_ram_mib: 0,
            backup: None,
        };
        self.images.begin_capture(&self.caller, of, None).await.map(|()| image)
    }

    /// The next job of a lane, held by a worker that does nothing with it.
    async fn job(&self, lane: Lane) -> Job {
        let (sender, mut jobs) = tokio::sync::mpsc::unbounded_channel();
        let queue = Queue::new(self.db.clone());
        let worker = tokio::spawn(async move {
            let body = move |job: Job| {
                sender.send(job).unwrap();
                std::future::pending()
            };
            queue.work_on(lane, CancellationToken::new(), body).await;
        });
        let job = jobs.recv().await.unwrap();
        worker.abort();
        job
    }

    /// Takes up the fill of the image that was begun last.
    async fn fill(&self, id: ImageId) -> Fill {
        let job = self.job(Lane::Front).await;
        self.images.take_up_fill(id, &job).await.unwrap().expect("the fill")
    }

    /// Makes the image active with this disk, as a capture does in which nothing has changed.
    async fn finish(&self, fill: &mut Fill, disk: &chunks::Content) -> effigy::Result<()> {
        let path = self.folder.path().join("overlay.qcow2");
        std::fs::write(&path, disks::qcow2::create_overlay(disk.size_bytes)).unwrap();
        let base = Place { store: "local".into(), root: disk.root };
        let changes = self.images.begin_changes(Some(&base), disk.size_bytes).await.unwrap();
        let changed =
            Changed { overlay: std::fs::File::open(path).unwrap(), base: Some(base), disk_bytes: disk.size_bytes };
        let filled = changes.fill(fill, changed, 0).await?;
        fill.finish(filled, None).await
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
async fn captured_images_file_is_a_qcow2_of_its_disk_in_every_part() {
    let room = Room::open(config::Quota::default()).await;
    let (disk, content, session) = room.disk(9 * 65_536 + 1024, &[(0, 1), (2, 3), (9, 1)]).await;
    let id = room.begin(1 << 20).await.unwrap();
    let saving = room.images.show(&room.caller, id).await.unwrap();
    assert_eq!((saving.status, saving.progress), (Status::Saving, Some(0)));
    assert!(room.images.file(&room.caller, id).await.unwrap().is_none());
    let job = room.job(Lane::Front).await;
    let mut fill = room.images.take_up_fill(id, &job).await.unwrap().expect("the fill");
    fill.tell(Some(50), String::new()).await.unwrap();
    assert_eq!(room.images.show(&room.caller, id).await.unwrap().progress, Some(50));
    room.finish(&mut fill, &content).await.unwrap();
    let again = room.images.take_up_fill(id, &job).await.unwrap();
    assert!(again.is_none(), "a second run after a crash does no harm");
    session.finish().await;

    let image = room.images.show(&room.caller, id).await.unwrap();
    assert_eq!((image.status, image.progress), (Status::Active, None));
    assert_eq!((image.disk_format.as_deref(), image.disk_bytes), (Some("qcow2"), Some(disk.len() as i64)));
    assert_eq!((image.checksum, image.os_hash), (None, None), "nobody has computed them yet");
    let properties: BTreeMap<String, String> = image.properties.read().unwrap();
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
async fn job_computes_a_captured_images_checksums() {
    let room = Room::open(config::Quota::default()).await;
    let (_, content, session) = room.disk(200_192, &[(1, 1)]).await;
    let id = room.begin(0).await.unwrap();
    room.finish(&mut room.fill(id).await, &content).await.unwrap();
    session.finish().await;
    let image = room.images.show(&room.caller, id).await.unwrap();
    let whole = room.read(id, 0..image.size_bytes.unwrap() as u64).await;
    assert_eq!(room.job(Lane::Front).await.work, Work::Verify { image: id }, "what follows is in the queue");
    let job = room.job(Lane::Back).await;
    assert_eq!(job.work, Work::Checksum { image: id });
    room.images.compute_checksums(id, &CancellationToken::new()).await.unwrap();
    let image = room.images.show(&room.caller, id).await.unwrap();
    let md5 = openssl::hash::hash(openssl::hash::MessageDigest::md5(), &whole).unwrap();
    assert_eq!(image.checksum, Some(md5.iter().map(|byte| format!("{byte:02x}")).collect()));
    assert_eq!(image.os_hash.map(|hash| hash.len()), Some(128));
}

#[tokio::test]
async fn fill_that_is_dropped_fails() {
    let room = Room::open(config::Quota::default()).await;
    let id = room.begin(1000).await.unwrap();
    drop(room.fill(id).await);
    // The end of a dropped fill is a task of its own.
    room.images.close().await;
    let image = room.images.show(&room.caller, id).await.unwrap();
    assert_eq!(image.status, Status::Queued);
    assert!(image.reason.is_some_and(|reason| reason.contains("service failed")));
    assert_eq!(room.images.usage(&room.caller).await.unwrap().0.bytes, 0);
}

#[tokio::test]
async fn captured_image_that_cannot_be_made_says_why_and_counts_nothing() {
    let quota = config::Quota { image_bytes: 1 << 20, ..Default::default() };
    let room = Room::open(quota).await;
    assert!(matches!(room.begin(2 << 20).await, Err(Error::OverQuota(_))));
    let id = room.begin(1000).await.unwrap();
    let (_, large, session) = room.disk(2 << 20, &[(0, 32)]).await;
    let mut fill = room.fill(id).await;
    let refused = room.finish(&mut fill, &large).await;
    assert!(matches!(refused, Err(Error::OverQuota(_))), "{refused:?}");
    fill.fail(&refused.unwrap_err(), None).await;
    let image = room.images.show(&room.caller, id).await.unwrap();
    assert_eq!(image.status, Status::Queued);
    assert!(image.reason.as_deref().is_some_and(|reason| reason.contains("1048576 bytes")), "{:?}", image.reason);
    assert_eq!(room.images.usage(&room.caller).await.unwrap().0.bytes, 0);

    let deleted = room.begin(1000).await.unwrap();
    let mut fill = room.fill(deleted).await;
    room.images.delete(&room.caller, deleted).await.unwrap();
    assert!(matches!(fill.tell(Some(1), String::new()).await, Err(Error::Gone(_))));
    assert!(matches!(room.finish(&mut fill, &large).await, Err(Error::Gone(_))));
    assert_eq!(room.images.usage(&room.caller).await.unwrap().0.bytes, 0);
    session.abandon().await;
    assert!(chunks::Roots::roots(&room.stores.default_store().index).await.unwrap().is_empty());
}
