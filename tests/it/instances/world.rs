//! The rooms of the service, open on a temporary folder, without HTTP: what the drivers' tests drive.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use effigy::{
    config::{self, Config},
    db::Database,
    exports::Exports,
    identity::{
        Caller, Identity, ProjectRef, Role, UserRef,
        projects::{ListProjects, ProjectFields},
        roles::{Actor, Target},
        users::{ListUsers, UserFields},
    },
    ids::{ImageId, InstanceId},
    images::{self, Condition, Images, ListImages, TextColumn},
    inspect::{Inspector, SigningKey},
    instances::{
        ConsoleKind, Foundations, Instance, Instances, Launch, Nic, Status, flavors::Flavors, key_pairs::KeyPairs,
    },
    jobs,
    queue::Queue,
    stores::Stores,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::support;

/// How long a test waits for what a guest should do; a busy machine takes its time.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary folder; no QEMU that runs below it outlives it, also when its test fails.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Place {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        // As the service makes its data folder.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        Place(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for (pid, _) in guests_below(self.path()) {
            kill(pid);
        }
    }
}

/// Kills a process as `kill -9` does.
pub fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// The QEMU processes that run below a folder: pid and working directory.
pub fn guests_below(folder: &Path) -> Vec<(i32, PathBuf)> {
    let folder = folder.canonicalize().unwrap();
    let below = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        // A process that has ended has no working directory any more.
        let cwd = std::fs::read_link(entry.path().join("cwd")).ok()?;
        cwd.starts_with(&folder).then_some((pid, cwd))
    };
    std::fs::read_dir("/proc").unwrap().filter_map(|entry| below(entry.ok()?)).collect()
}

/// The rooms, open.
pub struct World {
    pub images: Images,
    pub instances: Instances,
    pub stores: Stores,
    pub db: Database,
    pub folder: PathBuf,
    pub alice: Caller,
    stop: CancellationToken,
    workers: TaskTracker,
}

/// A member of a project of its own; the same in every world on one folder. Her jobs are asked whether she still is.
async fn alice(identity: &Identity) -> Caller {
    let operator = Caller::operator();
    let wanted = ListProjects { name: Some("web"), limit: 1, ..ListProjects::default() };
    let project = match identity.projects(&operator, &wanted).await.unwrap().pop() {
        Some(project) => project,
        None => {
            let fields = ProjectFields { name: Some("web".into()), ..ProjectFields::default() };
            identity.create_project(&operator, fields).await.unwrap()
        }
    };
    let wanted = ListUsers { name: Some("alice"), limit: 1, ..ListUsers::default() };
    let user = match identity.users(&operator, &wanted).await.unwrap().pop() {
        Some(user) => user,
        None => {
            let fields = UserFields { name: Some("alice".into()), ..UserFields::default() };
            identity.create_user(&operator, fields).await.unwrap()
        }
    };
    let member = identity.roles(&operator, Some("member"), None).await.unwrap().pop().unwrap();
    let (actor, target) = (Actor::User(user.id.clone()), Target::Project(project.id.clone()));
    identity.grant_role(&operator, actor, target, &member.id).await.unwrap();
    Caller {
        user: UserRef { id: user.id.parse().unwrap(), name: "alice".into(), domain_id: "default".into() },
        project: Some(ProjectRef { id: project.id.parse().unwrap(), name: "web".into(), domain_id: "default".into() }),
        role: Some(Role::Member),
        request_id: "req-test".into(),
        address: None,
        session: None,
    }
}

impl World {
    /// Opens the rooms as the service does, on a folder that may hold what an earlier world left.
    pub async fn open(folder: &Path) -> World {
        World::open_with(folder, |_| {}).await
    }

    /// The same, with other settings.
    pub async fn open_with(folder: &Path, set: impl FnOnce(&mut config::Instances)) -> World {
        let mut config = Config::default();
        config.instances.accel = config::Accel::Tcg;
        config.instances.stop_grace_secs = 20;
        // The same for every world on this folder.
        let pool = folder.join("loopback");
        let loopback = std::fs::read_to_string(&pool).unwrap_or_else(|_| support::loopback());
        std::fs::write(&pool, &loopback).unwrap();
        config.instances.network.loopback = loopback.try_into().unwrap();
        set(&mut config.instances);
        let db = Database::sqlite(&folder.join("effigy.db")).await.unwrap();
        let identity = Identity::open(db.clone(), config.identity.clone()).await.unwrap();
        let stores = Stores::local(&db, folder.join("store")).await.unwrap();
        let queue = Queue::new(db.clone());
        // The look into a stopped disk is the program's own, not the tests'.
        let program = env!("CARGO_BIN_EXE_effigy").into();
        let settings = images::Settings {
            images: config.images,
            import: config.import,
            sharing: config.sharing,
            quota: config.quota.clone(),
            patience: config.server.patience(),
            inspector: Inspector::new(config.inspect, SigningKey::generate().unwrap(), program),
        };
        let images = Images::open(db.clone(), stores.clone(), identity.clone(), queue.clone(), settings);
        queue.recover().await.unwrap();
        let instances = Instances::open(Foundations {
            db: db.clone(),
            images: images.clone(),
            exports: Exports::new(stores.clone()),
            flavors: Flavors::new(db.clone()),
            key_pairs: KeyPairs::new(db.clone(), 10),
            settings: config.instances,
            quota: config.quota,
            folder: folder.join("instances"),
        });
        let instances = instances.await.unwrap();
        let (stop, workers) = (CancellationToken::new(), TaskTracker::new());
        let alice = alice(&identity).await;
        let rooms =
            jobs::Rooms { images: images.clone(), instances: instances.clone(), identity, stores: stores.clone() };
        jobs::start(&queue, &rooms, Duration::from_secs(3600), &stop, &workers);
        World { images, instances, stores, db, folder: folder.to_owned(), alice, stop, workers }
    }

    /// Ends the service cleanly; guests go on.
    pub async fn close(self) {
        self.stop.cancel();
        self.workers.close();
        self.workers.wait().await;
        self.instances.close().await;
        self.db.close().await;
    }

    /// Ends the workers: what is asked of them waits for the next service.
    pub async fn stop_workers(&self) {
        self.stop.cancel();
        self.workers.close();
        self.workers.wait().await;
    }

    /// An image of these raw bytes.
    pub async fn image(&self, name: &str, disk: Vec<u8>) -> ImageId {
        self.image_with(serde_json::json!({"name": name}), disk).await
    }

    /// The same, with more attributes or others.
    pub async fn image_with(&self, more: serde_json::Value, disk: Vec<u8>) -> ImageId {
        let attributes = serde_json::json!({"disk_format": "raw", "container_format": "bare"});
        let mut attributes = attributes.as_object().unwrap().clone();
        attributes.extend(more.as_object().unwrap().clone());
        let image = self.images.create(&self.alice, attributes).await.unwrap();
        let body = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(disk))]);
        self.images.upload(&self.alice, image.id, Default::default(), body).await.unwrap();
        image.id
    }

    /// The micro guest as an image.
    pub async fn micro(&self, label: &str) -> ImageId {
        self.image(label, support::micro_disk(label, 1 << 20)).await
    }

    /// Asks for `count` instances of the smallest flavor.
    pub async fn launch(&self, image: ImageId, count: u32) -> Vec<Instance> {
        self.instances.create(&self.alice, wanted(image, count)).await.unwrap()
    }

    /// One micro guest that has booted.
    pub async fn booted(&self, label: &str) -> InstanceId {
        let image = self.micro(label).await;
        let id = self.launch(image, 1).await[0].id;
        self.console_says(id, &format!("MICRO-READY {label} 0001 OK")).await;
        id
    }

    /// Waits until an instance is in this state, with nothing being done to it.
    #[track_caller]
    pub fn is(&self, id: InstanceId, status: Status) -> impl Future<Output = Instance> {
        let caller = std::panic::Location::caller();
        async move {
            let until = Instant::now() + PATIENCE;
            loop {
                let found = self.instances.show(&self.alice, id).await.unwrap();
                if found.status == status && found.task.is_none() {
                    return found;
                }
                assert!(
                    Instant::now() < until && (status == Status::Error || found.status != Status::Error),
                    "{caller}: {} {:?} {:?}, wanted {status}",
                    found.status,
                    found.task,
                    found.fault
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Waits until an instance is gone.
    pub async fn is_gone(&self, id: InstanceId) {
        let until = Instant::now() + PATIENCE;
        while self.instances.show(&self.alice, id).await.is_ok() {
            assert!(Instant::now() < until, "instance {id} is still there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the guest has written this to its serial port.
    #[track_caller]
    pub fn console_says(&self, id: InstanceId, words: &str) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            let until = Instant::now() + PATIENCE;
            loop {
                let text = self.instances.console_output(&self.alice, id, None).await.unwrap();
                if text.contains(words) {
                    return text;
                }
                assert!(Instant::now() < until, "{caller}: '{words}' is not in: {text}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Waits until the guest has written so many more of these to its serial port than `before`.
    pub async fn console_says_again(&self, id: InstanceId, words: &str, before: usize) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = self.instances.console_output(&self.alice, id, None).await.unwrap();
            if text.matches(words).count() > before {
                return text;
            }
            assert!(Instant::now() < until, "'{words}' is not {} times in: {text}", before + 1);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Presses a key of a guest, and waits until it has answered with `sign` once more; all that it has said.
    pub async fn types(&self, id: InstanceId, key: u8, sign: &str) -> String {
        use tokio::io::AsyncWriteExt as _;
        let text = self.instances.console_output(&self.alice, id, None).await.unwrap();
        let token = self.instances.remote_console(&self.alice, id, ConsoleKind::Serial).await.unwrap();
        let ticket = self.instances.console_of(&token.token).unwrap();
        let mut console = self.instances.open_console(&self.alice, &ticket).await.unwrap();
        console.write_all(&[key]).await.unwrap();
        self.console_says_again(id, sign, text.matches(sign).count()).await
    }

    /// The image of this name, if there is one.
    pub async fn image_named(&self, name: &str) -> Option<images::Image> {
        let wanted = ListImages {
            conditions: vec![Condition::TextIn(TextColumn::Name, vec![name.to_owned()])],
            limit: 1,
            ..ListImages::default()
        };
        self.images.list(&self.alice, wanted).await.unwrap().images.pop()
    }

    /// Waits until an image is gone.
    pub async fn image_is_gone(&self, name: &str) {
        let until = Instant::now() + PATIENCE;
        while self.image_named(name).await.is_some() {
            assert!(Instant::now() < until, "image {name} is still there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until an image is ready.
    pub async fn is_ready(&self, image: ImageId) -> images::Image {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.images.show(&self.alice, image).await.unwrap();
            if found.status == images::Status::Active {
                return found;
            }
            assert!(Instant::now() < until, "image {image} is {} {:?}", found.status, found.reason);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Deletes instances and waits until they are gone, so that no QEMU outlives the test.
    pub async fn clear(&self, ids: &[InstanceId]) {
        for id in ids {
            self.instances.delete(&self.alice, *id).await.unwrap();
        }
        for id in ids {
            self.is_gone(*id).await;
        }
    }

    /// The QEMU process of an instance, if one runs.
    pub fn pid(&self, id: InstanceId) -> Option<i32> {
        let found = guests_below(&self.folder);
        found.into_iter().find(|(_, cwd)| cwd.ends_with(id.to_string())).map(|(pid, _)| pid)
    }

    /// Writes into the disk of a stopped instance, as its guest would have.
    pub async fn write_disk(&self, id: InstanceId, offset: u64, bytes: &[u8]) {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        std::fs::write(&data, bytes).unwrap();
        self.qemu_io(id, &format!("write -s {} {offset} {}", data.display(), bytes.len())).await;
    }

    /// Discards a part of the disk of a stopped instance, as its guest would have.
    pub async fn zero_disk(&self, id: InstanceId, offset: u64, len: u64) {
        self.qemu_io(id, &format!("write -z -u {offset} {len}")).await;
    }

    async fn qemu_io(&self, id: InstanceId, command: &str) {
        let (_place, nodes) = self.nodes(id).await;
        let output = std::process::Command::new("qemu-io").args(["-c", command, &nodes]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !said.contains("failed"), "{said}");
    }

    /// The disk of a stopped instance as `qemu-img` reads it, from its overlay and its image's disk.
    pub async fn disk(&self, id: InstanceId) -> Vec<u8> {
        let (place, nodes) = self.nodes(id).await;
        let out = place.path().join("out.raw");
        support::qemu_img(&["convert", "-O", "raw", &nodes], &[&out]);
        std::fs::read(out).unwrap()
    }

    /// The disk of a stopped instance for QEMU's own tools, and the folder that holds a copy of its base.
    async fn nodes(&self, id: InstanceId) -> (tempfile::TempDir, String) {
        let row = self.db.instance(id).await.unwrap().unwrap();
        let reader = self.stores.reader(std::slice::from_ref(&row.make.base_store), &row.make.base_root).await.unwrap();
        let base = reader.read_at(0, reader.size_bytes() as usize).await.unwrap();
        let place = tempfile::tempdir().unwrap();
        let under = place.path().join("base.raw");
        std::fs::write(&under, base).unwrap();
        let overlay = self.folder.join("instances").join(id.to_string()).join("disk.qcow2");
        let node = |driver: &str, file: &Path| serde_json::json!({"driver": driver, "file": {"driver": "file", "filename": file}});
        let mut nodes = node("qcow2", &overlay);
        nodes["backing"] = node("raw", &under);
        (place, format!("json:{nodes}"))
    }
}

/// A launch of the smallest flavor without a network.
pub fn wanted(image: ImageId, count: u32) -> Launch {
    Launch {
        name: "micro".into(),
        image,
        flavor: "42".into(),
        min_count: count,
        max_count: count,
        key_name: None,
        first_boot: Default::default(),
        metadata: Default::default(),
        tags: Default::default(),
        description: None,
        hostname: None,
        access: Default::default(),
        nic: Nic::None,
        server_group: None,
    }
}
