//! Opens the parts, joins them, starts and stops the tasks.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::{
        self, Rooms,
        metrics::{Metrics, Standing},
    },
    background::Background,
    ballast::Ballast,
    config::{self, Config, IdentityMode},
    db::{Database, ServiceLock},
    exports::Exports,
    identity::{Identity, first_start, lines::Lines},
    images::{self, Images},
    inspect::{Inspector, SigningKey},
    instances::{Foundations, Instances, flavors::Flavors, key_pairs::KeyPairs, server_groups::ServerGroups},
    jobs,
    keystone::Keystone,
    metadefs::Metadefs,
    queue::Queue,
    stores::{self, Store, Stores},
};

/// The service, open.
pub struct App {
    config: Config,
    rooms: Arc<Rooms>,
    /// How many connections are served at once.
    connections: usize,
    _background: Background,
    _lock: Option<std::fs::File>,
}

/// The rows, the stores and the images made of them: the service is built on these, and a command works with them.
pub(crate) struct Stock {
    pub(crate) images: Images,
    db: Database,
    identity: Identity,
    stores: Stores,
    jobs: Queue,
    /// The lock of the data folder; `None` beside a running service.
    lock: Option<std::fs::File>,
}

impl Stock {
    /// Opens it for the only one who uses its rows.
    ///
    /// # Errors
    /// A service holds the data folder or the database, or a part cannot be opened; the chain says which and why.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Stock> {
        make_data_folder(&config.server.data)?;
        let lock = lock(&config.server.data)?;
        let alone = match &config.database.url {
            Some(url) => Some(be_alone(url).await?),
            None => None,
        };
        let stock = Stock::beside_a_service(config).await?;
        if let Some(lock) = alone {
            tokio::spawn(stay_alone(lock, stock.db.clone()));
        }
        // Only this process uses its rows (the lock of the data folder, or that of PostgreSQL): the holder of any lease is
        // gone.
        stock.jobs.recover().await?;
        stock.images.recover().await?;
        Ok(Stock { lock: Some(lock), ..stock })
    }

    /// Opens it to be looked at.
    ///
    /// # Errors
    /// A part cannot be opened.
    pub(crate) async fn beside_a_service(config: &Config) -> anyhow::Result<Stock> {
        let db = open_database(config).await?;
        let identity = Identity::open(db.clone(), config.identity.clone()).await?;
        let identity = if config.instances.enabled { identity } else { identity.without_instances() };
        let identity = match config.identity.mode {
            IdentityMode::Own => identity,
            IdentityMode::Keystone => identity.with_keystone(Keystone::open(config.keystone.clone())?),
        };
        let stores = open_stores(config, &db).await?;
        let jobs = Queue::new(db.clone());
        let images = open_images(config, &db, stores.clone(), &identity, &jobs)?;
        Ok(Stock { images, db, identity, stores, jobs, lock: None })
    }

    /// Ends what is under way, and closes it.
    pub(crate) async fn close(self) {
        self.images.close().await;
        self.stores.close().await;
        self.db.close().await;
    }
}

impl App {
    /// Opens every part.
    ///
    /// # Errors
    /// Another service holds the data folder, or a part cannot be opened; the chain says which and why.
    pub async fn open(config: Config) -> anyhow::Result<App> {
        let connections = api::listen::connections(raise_file_limit());
        let Stock { db, identity, stores, jobs, images, lock } = Stock::open(&config).await?;
        let data = &config.server.data;
        let flavors = Flavors::new(db.clone());
        let key_pairs = KeyPairs::new(db.clone(), config.quota.key_pairs);
        let server_groups = ServerGroups::new(db.clone());
        let metadefs = Metadefs::open(db.clone()).await?;
        let instances = Instances::open(Foundations {
            db: db.clone(),
            images: images.clone(),
            exports: Exports::new(stores.clone()),
            flavors: flavors.clone(),
            key_pairs: key_pairs.clone(),
            settings: config.instances.clone(),
            quota: config.quota.clone(),
            folder: data.join("instances"),
        });
        let instances = instances.await.context("cannot take up the instances")?;
        let background = Background::start().context("cannot start the threads of the background")?;
        let lines = Lines::new(requests_at_once(&config, &db));
        let standing = Standing { projects: lines.clone(), addresses: identity.lines() };
        let rooms = Rooms {
            lines,
            db,
            identity,
            flavors,
            key_pairs,
            server_groups,
            public_url: config.server.public_url.clone(),
            trusted_proxies: config.server.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            patience: config.server.patience(),
            quota: config.quota.clone(),
            compute_lines: Lines::new(api::cloud::QUESTIONS),
            background: background.handle(),
            bodies: Default::default(),
            metrics: Metrics::new(first_start::metrics_token(data)?, standing),
            readiness: Default::default(),
            images,
            stores,
            metadefs,
            jobs,
            instances,
        };
        Ok(App { rooms: Arc::new(rooms), config, connections, _background: background, _lock: lock })
    }

    /// Serves until `stop`, then lets the requests under way finish.
    pub async fn serve(self, stop: CancellationToken) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.config.server.listen)
            .await
            .with_context(|| format!("cannot listen on {}", self.config.server.listen))?;
        let address = listener.local_addr()?;
        let data = &self.config.server.data;
        if self.rooms.identity.keystone().is_none() {
            self.rooms.identity.first_start(data, &reachable(&self.config, address)).await?;
        }
        std::fs::write(data.join("address"), format!("http://{address}\n"))?;
        tracing::info!(%address, "serving on http://{address}");
        let router = api::router(self.rooms.clone());
        let workers = self.start_jobs(&stop);
        let limits = api::listen::Limits {
            connections: self.connections,
            per_address: self.config.server.connections_per_address.max(1),
            unlimited: self.rooms.trusted_proxies.clone(),
            patience: self.config.server.patience(),
            grace: self.config.server.shutdown_grace(),
        };
        api::listen::listen(listener, router, limits, stop).await;
        self.rooms.images.close().await;
        workers.wait().await;
        self.rooms.instances.close().await;
        self.rooms.stores.close().await;
        self.rooms.db.close().await;
        Ok(())
    }
}

impl App {
    fn start_jobs(&self, stop: &CancellationToken) -> TaskTracker {
        let workers = TaskTracker::new();
        let rooms = jobs::Rooms {
            images: self.rooms.images.clone(),
            instances: self.rooms.instances.clone(),
            identity: self.rooms.identity.clone(),
            stores: self.rooms.stores.clone(),
        };
        let sweep_interval = Duration::from_secs(self.config.store.sweep_interval_hours.max(1) * 3600);
        workers.spawn(ballast(&self.config).tend(stop.clone()));
        if let Some(keystone) = self.rooms.identity.keystone() {
            workers.spawn(keystone.clone().follow(stop.clone()));
        }
        // The background runs the tasks that are spawned below, and those that they spawn.
        let _background = self.rooms.background.enter();
        jobs::start(&self.rooms.jobs, &rooms, sweep_interval, stop, &workers);
        workers.close();
        workers
    }
}

fn open_images(
    config: &Config,
    db: &Database,
    stores: Stores,
    identity: &Identity,
    jobs: &Queue,
) -> anyhow::Result<Images> {
    let key =
        SigningKey::open(&config.server.data).context("cannot open the key that verifications are signed with")?;
    let settings = images::Settings {
        images: config.images.clone(),
        import: config.import.clone(),
        sharing: config.sharing.clone(),
        quota: config.quota.clone(),
        patience: config.server.patience(),
        // The running program, even if its file was replaced since.
        inspector: Inspector::new(config.inspect.clone(), key, "/proc/self/exe".into()),
    };
    Ok(Images::open(db.clone(), stores, identity.clone(), jobs.clone(), settings))
}

/// Opens every store.
///
/// # Errors
/// As [`Store::open`].
pub async fn open_stores(config: &Config, db: &Database) -> anyhow::Result<Stores> {
    // A third for manifests: their leaves and the places of chunks.
    let cache_bytes = config.store.cache_mib.saturating_mul(1 << 20) / config.stores.len().max(1) as u64;
    let options = chunks::Options {
        chunk_cache_bytes: cache_bytes / 3 * 2,
        leaf_cache_bytes: cache_bytes / 3,
        ..Default::default()
    };
    let mut stores = Vec::new();
    for (name, settings) in &config.stores {
        let settings = stores::Settings {
            name: name.clone(),
            description: settings.description.clone(),
            folder: config.store_folder(name, settings),
            weight: settings.weight,
            is_read_only: settings.read_only,
            is_default: *name == config.store.default,
            reserve_bytes: config.store.reserve_mib.saturating_mul(1 << 20),
            bucket: bucket(config, name, settings),
        };
        stores.push(Store::open(db, settings, options.clone()).await?);
    }
    Ok(Stores::new(stores))
}

/// Where the objects of a store are that is in a bucket.
fn bucket(config: &Config, name: &str, settings: &config::NamedStore) -> Option<stores::s3::Settings> {
    // Well above where guests are paused and the store is short: a cache must not be the cause of either.
    let leaves_free_mib = config.store.reserve_mib.saturating_mul(4) + config.instances.reserve_mib.saturating_mul(2);
    Some(stores::s3::Settings {
        leaves_free_bytes: leaves_free_mib.saturating_mul(1 << 20),
        bucket: settings.bucket.clone().filter(|_| settings.backend == config::Backend::S3)?,
        prefix: settings.prefix.clone().unwrap_or_else(|| name.to_owned()),
        endpoint: settings.endpoint.clone(),
        region: settings.region.clone(),
        key: settings.access_key.clone().zip(settings.secret_key_file.clone()),
        ca_file: settings.ca_file.clone(),
        cache_bytes: settings.cache_bytes(),
        keep_removed: settings.keep_removed(),
    })
}

/// Makes the data folder, readable by its owner only, unless it is there.
pub(crate) fn make_data_folder(data: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("cannot make the data folder {}", data.display()))
}

/// How many requests of one project are at work at once: fewer than statements can read, so that another project's
/// statement finds a connection.
fn requests_at_once(config: &Config, db: &Database) -> usize {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let wanted = config.server.requests_at_once.unwrap_or(cores + 1);
    wanted.min(db.reads_at_once() - 1).max(1)
}

/// The address a client on this machine reaches the service by.
fn reachable(config: &Config, address: SocketAddr) -> String {
    let here = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    };
    let public = config.server.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
    public.unwrap_or_else(|| format!("http://{here}"))
}

fn ballast(config: &Config) -> Ballast {
    let stores = config.stores.iter().filter(|(_, settings)| !settings.read_only);
    let stores = stores.map(|(name, settings)| config.store_folder(name, settings));
    Ballast::of([config.server.data.clone()].into_iter().chain(stores))
}

/// Refuses to make a database where a command only looks at one.
pub(crate) fn check_database_is_there(config: &Config) -> anyhow::Result<()> {
    let is_there = config.database.url.is_some() || config.database_file().is_file();
    let data = config.server.data.display();
    anyhow::ensure!(is_there, "there is no database in {data}: name the service's data folder with --data");
    Ok(())
}

/// Opens the database that the settings name.
pub async fn open_database(config: &Config) -> anyhow::Result<Database> {
    // The first thing that a start writes is in the database.
    ballast(config).give_up();
    match &config.database.url {
        Some(url) => {
            Database::postgres(url, config.database.connections).await.context("cannot open the PostgreSQL database")
        }
        None => {
            let file = config.database_file();
            Database::sqlite(&file).await.with_context(|| format!("cannot open the database {}", file.display()))
        }
    }
}

/// Takes the lock of a PostgreSQL database.
async fn be_alone(url: &str) -> anyhow::Result<ServiceLock> {
    let lock = ServiceLock::take(url).await.context("cannot lock the PostgreSQL database")?;
    lock.context(
        "another effigy serves this PostgreSQL database, and one service serves one database; stop it, or name another \
         database with database.url",
    )
}

/// Ends the process when the lock is lost for good.
async fn stay_alone(lock: ServiceLock, db: Database) {
    let why = lock.keep(&db).await;
    tracing::error!("lost the lock of the PostgreSQL database for good ({why}): ending");
    // A clean stop would write to rows that another service may own now. The next start repairs it as after a kill.
    std::process::exit(1);
}

fn lock(data: &Path) -> anyhow::Result<std::fs::File> {
    let path = data.join("lock");
    let file = std::fs::File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).ok().with_context(|| {
        format!("another effigy serves the data folder {}; stop it, or name another folder with --data", data.display())
    })?;
    Ok(file)
}

/// Takes as many file descriptors as the system grants, and says how many: each connection and each instance needs some.
fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(%error, "cannot raise the limit of open files; it stays {:?}", limit.current);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
