//! The named stores of a deployment, each with chunks of its own.
//!
//! An image's bytes lie in one store or in several; its row says in which. A content has the same root in all of them,
//! so that a copy is proved by its name. A reader takes the first store that has the content, those of greater weight
//! first; a writer names a store, or takes the default one. A store that is read-only takes nothing new, and still
//! gives the contents it has and lets go of deleted ones.
//!
//! A store's segments lie in its folder, or in a bucket ([`s3`]): then the folder has those that are written, and a bounded
//! cache of the others.

pub mod s3;

use std::{
    collections::{BTreeSet, HashMap},
    ops::Deref,
    path::PathBuf,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use chunks::{Digest, Lane, Reader};
use tokio::sync::Mutex;

use crate::{
    db::{Database, chunks::StoreIndex},
    error::{Error, Result},
    ids::ProjectId,
    model::{fill::Hold, image::StoreNames},
};

/// The stores. Cheap to clone.
#[derive(Clone)]
pub struct Stores(Arc<[Arc<Store>]>);

/// The settings of a store.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub name: String,
    pub description: String,
    pub folder: PathBuf,
    /// Of several stores with the same bytes the one with the greatest weight is read.
    pub weight: i32,
    /// It takes nothing new.
    pub is_read_only: bool,
    /// It takes what names no store.
    pub is_default: bool,
    /// The bytes kept free on its file system.
    pub reserve_bytes: u64,
    /// The bucket of its segments; `None` when its folder has them.
    pub bucket: Option<s3::Settings>,
}

/// One of the stores, open.
pub struct Store {
    settings: Settings,
    /// Where its chunks lie, and what keeps them.
    pub index: StoreIndex,
    pub chunks: chunks::Store,
    /// The lanes of the projects that save or read now.
    lanes: std::sync::Mutex<HashMap<ProjectId, Lane>>,
    /// Whether the last sweep of this process left something undone.
    sweep_stopped: AtomicBool,
    /// Held by a proof under way: a disk that hangs holds one thread, not one for each time that somebody asks.
    proof: Arc<Mutex<()>>,
}

/// A content, and the store that it is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub store: String,
    /// The root of the content's manifest.
    pub root: Digest,
}

/// A save under way in one of the stores.
pub struct Session {
    pub store: Arc<Store>,
    /// The session that keeps the written chunks until a row does.
    pub chunks: chunks::Session,
}

impl Place {
    /// A place as rows have it.
    ///
    /// # Errors
    /// `Internal` for a root that is none.
    pub fn of(store: &str, root: &str) -> Result<Place> {
        Ok(Place { store: store.to_owned(), root: root.parse().map_err(Error::internal)? })
    }
}

impl Stores {
    /// These stores, of which exactly one is the default.
    pub fn new(mut stores: Vec<Store>) -> Stores {
        stores.sort_by(|one, other| other.weight.cmp(&one.weight).then_with(|| one.name.cmp(&other.name)));
        Stores(stores.into_iter().map(Arc::new).collect())
    }

    /// The one store of a deployment that names none.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn local(db: &Database, folder: PathBuf) -> anyhow::Result<Stores> {
        let settings = Settings { name: "local".into(), folder, is_default: true, ..Settings::default() };
        Ok(Stores::new(vec![Store::open(db, settings, chunks::Options::default()).await?]))
    }

    /// Every store, in the order in which they are read.
    pub fn all(&self) -> &[Arc<Store>] {
        &self.0
    }

    /// The stores that take something new.
    pub fn writable(&self) -> impl Iterator<Item = &Arc<Store>> {
        self.0.iter().filter(|store| !store.is_read_only)
    }

    /// The store that takes what names none.
    pub fn default_store(&self) -> &Arc<Store> {
        self.0.iter().find(|store| store.is_default).expect("one store is the default")
    }

    /// The store of this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Store>> {
        self.0.iter().find(|store| store.name == name)
    }

    /// The store of this name, for something new.
    ///
    /// # Errors
    /// `Invalid` when there is none, or it takes nothing new.
    pub fn target(&self, name: &str) -> Result<&Arc<Store>> {
        let names = || self.0.iter().map(|store| store.name.as_str()).collect::<Vec<_>>().join(", ");
        let shown: String = name.chars().take(64).collect();
        match self.named(name) {
            Some(store) if store.is_read_only => Err(Error::Invalid(format!("The store '{shown}' is read-only."))),
            Some(store) => Ok(store),
            None => Err(Error::Invalid(format!("There is no store '{shown}' here; there are: {}.", names()))),
        }
    }

    /// The stores of a row's list that are set up here, in the order in which they are read.
    pub fn of<'a>(&'a self, names: &[String]) -> impl Iterator<Item = &'a Arc<Store>> {
        self.0.iter().filter(|store| names.contains(&store.name))
    }

    /// Puts a row's list into the order in which its stores are read; those that are not set up here come last.
    pub fn sort(&self, names: &mut StoreNames) {
        let place = |name: &str| self.0.iter().position(|store| store.name == name).unwrap_or(self.0.len());
        names.0.sort_by(|one, other| (place(one), one).cmp(&(place(other), other)));
    }

    /// Opens a content of one of these stores for reading.
    ///
    /// # Errors
    /// `Unavailable` when none of them is set up here or can read it now.
    pub async fn reader(&self, names: &[String], root: &str) -> Result<Reader> {
        self.open(names, root).await.map(|(_, reader)| reader)
    }

    /// The same, read with this project's share of the store's work.
    ///
    /// # Errors
    /// As [`Stores::reader`].
    pub async fn reader_for(&self, project: ProjectId, names: &[String], root: &str) -> Result<Reader> {
        self.open(names, root).await.map(|(store, reader)| reader.in_lane(&store.lane(project)))
    }

    /// Which of these stores a content is best read from.
    ///
    /// # Errors
    /// As [`Stores::reader`].
    pub async fn place(&self, names: &[String], root: &str) -> Result<Place> {
        let (store, reader) = self.open(names, root).await?;
        Ok(Place { store: store.name.clone(), root: reader.root() })
    }

    /// The store of a place.
    ///
    /// # Errors
    /// `Unavailable` when it is not set up here.
    pub fn holding(&self, place: &Place) -> Result<&Arc<Store>> {
        self.named(&place.store).ok_or_else(|| not_set_up(&place.store))
    }

    /// The first of these stores that can open a content, with it open.
    pub(crate) async fn open(&self, names: &[String], root: &str) -> Result<(&Arc<Store>, Reader)> {
        let root: Digest = root.parse().map_err(Error::internal)?;
        let mut failure = None;
        for store in self.of(names) {
            match store.chunks.reader(root).await {
                Ok(reader) => return Ok((store, reader)),
                Err(error) => {
                    tracing::error!(store = store.name, %root, "cannot open a content of store {}: {error}", store.name);
                    failure = Some(error);
                }
            }
        }
        Err(failure.map_or_else(|| not_set_up(&names.join(",")), Error::from))
    }

    /// Seals what is open, when nothing is saved any more.
    pub async fn close(&self) {
        for store in self.0.iter() {
            store.chunks.close().await;
        }
    }
}

impl Deref for Store {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl Store {
    /// Opens a store, making it when it is new. The folder of one that was used before is never made anew: what it
    /// held is likely on a disk that is not mounted.
    ///
    /// # Errors
    /// It is not where it was, or cannot be read.
    pub async fn open(db: &Database, settings: Settings, options: chunks::Options) -> anyhow::Result<Store> {
        let (name, folder) = (&settings.name, settings.folder.as_path());
        let index = db.store_index(name).await?;
        let bucket = settings.bucket.as_ref().map(s3::Settings::bucket).transpose();
        let bucket = bucket.with_context(|| format!("cannot use the bucket of the store '{name}'"))?;
        anyhow::ensure!(
            bucket.is_some() || !index.was_opened() || folder.join("segments").is_dir(),
            "the store '{name}' is not in its folder {}: is its disk mounted?",
            folder.display()
        );
        anyhow::ensure!(
            bucket.is_none() || index.has_bucket().await? || !index.has_segments().await?,
            "the store '{name}' has its images in the folder {}: give the bucket a section \
             [stores.NAME] of its own, and copy them with effigy store copy",
            folder.display()
        );
        anyhow::ensure!(
            bucket.is_some() || !index.has_bucket().await?,
            "the store '{name}' has its images in a bucket: set stores.{name}.backend = \"s3\" and the bucket"
        );
        let options = chunks::Options { reserve_bytes: settings.reserve_bytes, bucket, ..options };
        let chunks = chunks::Store::open(folder, Arc::new(index.clone()), options).await;
        let chunks = chunks.with_context(|| format!("cannot open the store '{name}' in {}", folder.display()))?;
        Ok(Store {
            settings,
            index,
            chunks,
            lanes: Default::default(),
            sweep_stopped: AtomicBool::new(false),
            proof: Arc::default(),
        })
    }

    /// Begins a save.
    ///
    /// # Errors
    /// `Unavailable` when the store or the database cannot take one now.
    pub async fn begin(self: &Arc<Store>) -> Result<Session> {
        Ok(Session { store: self.clone(), chunks: self.chunks.begin().await? })
    }

    /// Begins a save with this project's share of the store's work.
    ///
    /// # Errors
    /// As [`Store::begin`].
    pub async fn begin_for(self: &Arc<Store>, project: ProjectId) -> Result<Session> {
        Ok(Session { store: self.clone(), chunks: self.chunks.begin_in(&self.lane(project)).await? })
    }

    fn lane(&self, project: ProjectId) -> Lane {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, lane| lane.is_in_use());
        lanes.entry(project).or_default().clone()
    }

    /// Notes how the last sweep ended.
    pub(crate) fn note_sweep(&self, is_stopped: bool) {
        self.sweep_stopped.store(is_stopped, Ordering::Relaxed);
    }

    /// Whether the last sweep of this process left something undone: a content that cannot be read, or no room.
    pub fn is_sweep_stopped(&self) -> bool {
        self.sweep_stopped.load(Ordering::Relaxed)
    }

    /// How many bytes its file system has free.
    ///
    /// # Errors
    /// `Internal` when the file system does not say.
    pub fn free_bytes(&self) -> Result<u64> {
        self.chunks.free_bytes().map_err(Error::from)
    }

    /// Makes a file in the store's folder, syncs and removes it.
    ///
    /// # Errors
    /// `Unavailable` or `Internal` when that fails, or an earlier proof still waits for the disk.
    pub async fn prove_writable(&self) -> Result<()> {
        let still = || Error::Unavailable("the disk has not answered the last proof".into());
        let turn = self.proof.clone().try_lock_owned().map_err(|_| still())?;
        let file = self.folder.join(".proof");
        let proved = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            std::fs::File::create(&file)?.sync_all()?;
            std::fs::remove_file(&file)
        });
        proved.await.map_err(Error::internal)?.map_err(Error::internal)
    }

    /// Whether the store takes more bytes now: its bucket answers, and what is to be kept free is free.
    ///
    /// # Errors
    /// `Unavailable` when it does not; as [`Store::free_bytes`].
    pub fn check_takes(&self) -> Result<()> {
        if self.chunks.is_away() {
            let message = format!("the bucket of the store {} does not answer; try again in a moment", self.name);
            return Err(Error::Unavailable(message));
        }
        self.check_room()
    }

    /// Whether what is to be kept free on its file system is free.
    ///
    /// # Errors
    /// `Unavailable` when it is not; as [`Store::free_bytes`].
    pub fn check_room(&self) -> Result<()> {
        let free_bytes = self.free_bytes()?;
        if free_bytes >= self.reserve_bytes {
            return Ok(());
        }
        Err(Error::Unavailable(format!(
            "the store {} has {} MiB free and keeps {} MiB (store.reserve_mib): try again when the operator has made room",
            self.name,
            free_bytes >> 20,
            self.reserve_bytes >> 20
        )))
    }
}

impl Session {
    /// The hold for the transaction that makes the save's content reachable.
    pub fn hold(&self) -> Hold {
        Hold { store: self.store.name.clone(), session: self.chunks.id() }
    }

    /// Gives the save up if its work has failed.
    pub async fn unless_failed<T>(self, outcome: Result<T>) -> Result<(T, Session)> {
        match outcome {
            Ok(done) => Ok((done, self)),
            Err(error) => {
                self.abandon().await;
                Err(error)
            }
        }
    }

    /// Ends the save, after the row that makes its content reachable is committed.
    pub async fn finish(self) {
        self.chunks.finish().await;
    }

    /// Gives the save up: the sweep collects what nothing else uses.
    pub async fn abandon(self) {
        self.chunks.abandon().await;
    }
}

/// Writes contents of one store into another; a row makes them reachable there before the session is finished.
///
/// # Errors
/// `Unavailable` when either cannot be used now or has no room; `Internal` when a content cannot be read.
pub async fn replicate(from: &Arc<Store>, to: &Arc<Store>, roots: &BTreeSet<Digest>) -> Result<Session> {
    // A session of the source too: it pins the content there, which may be taken out of that store meanwhile.
    let source = from.begin().await?;
    let session = to.begin().await?;
    let copied = async {
        for root in roots {
            source.chunks.pin(*root).await?;
            let reader = from.chunks.reader(*root).await?;
            session.chunks.copy(&reader).await?;
        }
        Ok(())
    };
    let copied = copied.await;
    source.abandon().await;
    session.unless_failed(copied).await.map(|((), session)| session)
}

/// Gives saves up.
pub async fn abandon(sessions: Vec<Session>) {
    for session in sessions {
        session.abandon().await;
    }
}

fn not_set_up(names: &str) -> Error {
    Error::Unavailable(format!("the bytes are in the store '{names}', which is not set up here; tell the operator"))
}

/// A store's errors at the door of every room.
impl From<chunks::Error> for Error {
    fn from(error: chunks::Error) -> Error {
        use chunks::Error as Failure;
        if let Failure::NoRoom { free_bytes, reserve_bytes } = error {
            return Error::Unavailable(format!(
                "the store has {} MiB free and keeps {} MiB (store.reserve_mib): try again when the operator has made room",
                free_bytes >> 20,
                reserve_bytes >> 20
            ));
        }
        if error.is_full() {
            tracing::error!(%error, "the store is full: {error}");
            return Error::Unavailable("the store has no room left; try again when the operator has made some".into());
        }
        match error {
            Failure::SessionLost => Error::Unavailable("the save stalled for too long; send it again".into()),
            Failure::Closed => Error::Unavailable("the service is stopping; try again in a moment".into()),
            // A disk, the database or a thread failed, which may pass. The chain names files, so it is for the log.
            Failure::Io { .. } | Failure::Index(_) | Failure::Roots(_) | Failure::Worker(_) => {
                tracing::error!(%error, "the store cannot be read or written: {error}");
                let message = "the service failed to read or write its store; try again in a moment, and tell the operator if it \
                               stays so";
                Error::Unavailable(message.into())
            }
            Failure::Missing(_)
            | Failure::Damaged { .. }
            | Failure::NotAManifest { .. }
            | Failure::Invalid(_)
            | Failure::NoRoom { .. }
            | Failure::Busy => Error::internal(error),
        }
    }
}
