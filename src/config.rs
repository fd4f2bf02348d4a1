//! The settings: one struct for each section of the TOML file, every field explained.
//!
//! Read as a whole by `cli` and `app` only; a part gets its own section.
//! Order of precedence: command line, environment (`EFFIGY__SECTION__KEY`), file, the defaults here.
//! An unknown key is an error.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use figment::{
    Figment,
    providers::{Env, Format as _, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

mod keystone;
mod network;
mod stores;

pub use keystone::Keystone;
pub use network::{Mode, Network, Pool};
pub use stores::{Backend, NamedStore};

/// Everything that can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The listener and its addresses.
    pub server: Server,
    /// Where the rows live.
    pub database: Database,
    /// Where the chunks live, in whichever store.
    pub store: Store,
    /// The stores by name; there is always one of the name `local`, in `DATA/store` unless it says otherwise.
    pub stores: BTreeMap<String, NamedStore>,
    /// Users, tokens and passwords.
    pub identity: Identity,
    /// The Keystone that has them, where this service does not.
    pub keystone: Keystone,
    /// Images and their limits.
    pub images: Images,
    /// Images that are fetched from elsewhere.
    pub import: Import,
    /// The rules of sharing.
    pub sharing: Sharing,
    /// The consequences of the findings inside images.
    pub inspect: Inspect,
    /// Instances and QEMU.
    pub instances: Instances,
    /// The quota of one project.
    pub quota: Quota,
    /// The log.
    pub log: Log,
}

/// `[server]`: the listener and its addresses.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// The folder of everything the service keeps; made when absent, mode 0700.
    pub data: PathBuf,
    /// The address to listen on; port 0 takes a free one (written to `DATA/address`).
    pub listen: SocketAddr,
    /// The address clients know the service by, such as `https://images.example.org`;
    /// `None` answers with the `Host` a request came to.
    pub public_url: Option<String>,
    /// The addresses of the proxies in front, whose `X-Forwarded-For` tells where a request came from. Of everybody else
    /// the header is not believed. Without it, all clients of a proxy count as one.
    pub trusted_proxies: Vec<IpAddr>,
    /// Connections that one address may have (of IPv6: its /64); further ones are closed. Trusted proxies may have any number.
    pub connections_per_address: usize,
    /// Requests of one project that are at work at once while no other project asks; then they share the places out, and
    /// each has one at least. `None`: one more than there are processors. Further ones wait in the line of their project.
    pub requests_at_once: Option<usize>,
    /// How long a client may keep the service waiting: for the head of a request or a JSON body, for bytes of an upload,
    /// and for taking some of an answer (a download, a console). Rates are measured over this time.
    pub patience_secs: u64,
    /// How long a clean shutdown waits for requests under way.
    pub shutdown_grace_secs: u64,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            data: "effigy-data".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 9292)),
            public_url: None,
            trusted_proxies: Vec::new(),
            connections_per_address: 1024,
            requests_at_once: None,
            patience_secs: 60,
            shutdown_grace_secs: 30,
        }
    }
}

/// `[database]`: where the rows live.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `None`: SQLite in `DATA/effigy.db`. Else `postgres://user:password@host/database`.
    pub url: Option<String>,
    /// Connections to PostgreSQL at most: half for reads, half for changes, at least one of each.
    pub connections: u32,
}

impl Default for Database {
    fn default() -> Database {
        Database { url: None, connections: 8 }
    }
}

/// `[store]`: what holds for every store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The store that takes what names none.
    pub default: String,
    /// Memory for decoded chunks and manifest leaves of all stores, in MiB; taken as it is needed.
    pub cache_mib: u64,
    /// Hours between sweeps.
    pub sweep_interval_hours: u64,
    /// Free space of a store below which uploads to it are refused, in MiB; of the default store, `/readyz` fails.
    pub reserve_mib: u64,
}

/// The store that is always there.
const LOCAL_STORE: &str = "local";
/// A name stands in lists that are joined by commas, in headers and in paths.
const MAX_STORE_NAME_CHARS: usize = 32;

impl Default for Store {
    fn default() -> Store {
        Store { default: LOCAL_STORE.into(), cache_mib: 64, sweep_interval_hours: 6, reserve_mib: 256 }
    }
}

/// `[identity]`: users, tokens and passwords.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// The keeper of users, projects and tokens.
    pub mode: IdentityMode,
    /// The region every endpoint of the catalog is in.
    pub region: String,
    /// How long a token lives.
    pub token_ttl_secs: u64,
    /// The most tokens that are kept of a user; one more ends the oldest.
    pub tokens_per_user: u32,
    /// Failed sign-ins in a quarter of an hour that lock an account.
    pub lock_after_failures: u32,
    /// How long the lock holds.
    pub lock_secs: u64,
    /// The fewest characters of a new password.
    pub min_password_chars: usize,
    /// How long an event of the audit is kept; 0: for ever.
    pub audit_keep_days: u64,
}

/// The length of a password that the service makes up.
pub const MADE_PASSWORD_CHARS: usize = 24;

/// The keeper of users, projects and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityMode {
    /// This service, at `/identity`.
    #[default]
    Own,
    /// The Keystone of `[keystone]`.
    Keystone,
}

impl Default for Identity {
    fn default() -> Identity {
        Identity {
            mode: IdentityMode::Own,
            region: "RegionOne".into(),
            token_ttl_secs: 3600,
            tokens_per_user: 10_000,
            lock_after_failures: 5,
            lock_secs: 900,
            min_password_chars: 12,
            audit_keep_days: 400,
        }
    }
}

/// `[images]`: images and their limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Images {
    /// The largest file of an image, in bytes (1 TiB: what one manifest is tested for).
    pub max_size_bytes: u64,
    /// Uploads under way at once on this service (each holds about 16 MiB of buffers).
    pub max_uploads: usize,
    /// An upload slower than this many bytes a second, over `server.patience_secs`, is given up.
    pub min_upload_rate: u64,
    /// Seconds for which an upload's bytes are waited for in all; each MiB that came adds one.
    pub upload_timeout_secs: u64,
    /// How long a file that is sent in parts waits for its next byte.
    pub keep_parts_hours: u64,
}

impl Default for Images {
    fn default() -> Images {
        Images {
            max_size_bytes: 1 << 40,
            max_uploads: 64,
            min_upload_rate: 1024,
            upload_timeout_secs: 6 * 3600,
            keep_parts_hours: 7 * 24,
        }
    }
}

/// `[import]`: images that are fetched from elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Import {
    /// Hosts, as an address names them, that may be in this network or on this machine. All others must be public.
    pub allowed_hosts: Vec<String>,
    /// The ports that are connected to.
    pub allowed_ports: Vec<u16>,
    /// How long a fetch may take.
    pub timeout_secs: u64,
    /// How long staged bytes wait to be imported.
    pub keep_staged_hours: u64,
}

impl Default for Import {
    fn default() -> Import {
        Import {
            allowed_hosts: Vec::new(),
            allowed_ports: vec![80, 443],
            timeout_secs: 6 * 3600,
            keep_staged_hours: 24,
        }
    }
}

/// `[sharing]`: the rules of sharing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sharing {
    /// How far sharing reaches.
    pub scope: SharingScope,
}

/// How far sharing reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharingScope {
    /// Only to projects the sharing user belongs to; accepted at once.
    #[default]
    OwnProjects,
    /// To any project; pending until a stranger's project accepts (Glance's rule).
    Any,
    /// This deployment does not share.
    Off,
}

/// `[inspect]`: what is made of what is found inside images.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Inspect {
    /// The rule for a capture whose disk holds Windows that is not, or may not be, generalised.
    pub windows: Rule,
    /// Whether an image is public only once its verification has passed.
    pub public: PublicRule,
    /// The rule for sharing an image with findings of high severity.
    pub share: Rule,
    /// The user id that the process which looks into disks runs as, where the service is root; no other process and
    /// no instance may have it.
    pub user: u32,
    /// The folder with the kernel and the initramfs of the cleaner (`guests/cleaner.sh` makes them), in which copies
    /// of images are generalised; `None`: they are not.
    pub cleaner: Option<PathBuf>,
}

impl Default for Inspect {
    fn default() -> Inspect {
        Inspect { windows: Rule::Refuse, public: PublicRule::Require, share: Rule::Warn, user: 899_999, cleaner: None }
    }
}

/// The consequence of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// It is refused, and the refusal says why.
    Refuse,
    /// It is done, and the answer says what is wrong.
    Warn,
}

/// Whether an image is public only once its verification has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublicRule {
    /// It is.
    Require,
    /// It is public at once, as in Glance; the report is kept.
    Record,
}

/// `[instances]`: instances and QEMU.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instances {
    /// Whether this service runs instances. Without, it serves neither the Compute nor the Network API, its catalog has
    /// neither, no QEMU is started, and the rows of instances stay as they are.
    pub enabled: bool,
    /// The QEMU program.
    pub qemu: PathBuf,
    /// The folder with the firmware for UEFI.
    pub firmware: PathBuf,
    /// KVM, emulation, or whichever the probe guest boots under.
    pub accel: Accel,
    /// Seconds a guest has between the power button and being switched off.
    pub stop_grace_secs: u64,
    /// TCP ports of the guest that are open on the instance's own loopback address of this host.
    pub forward_ports: Vec<u16>,
    /// Whether guests reach the network outside, and with it this host's own services; without, they are reached
    /// through their forwarded ports and reach nothing themselves.
    pub outbound: bool,
    /// The first of the user ids that QEMU processes run as, one an instance, where the service is root.
    pub uid_base: u32,
    /// Memory of this host that instances may use in all, in MiB; `None`: what the host has less 1 GiB.
    pub memory_mib: Option<u64>,
    /// Free space, in MiB, of the file system of the instances' disks at which guests that write are paused.
    pub reserve_mib: u64,
    /// Days after which a deleted instance, and what was done to it, is forgotten.
    pub forget_deleted_days: u32,
    /// How instances are reached.
    pub network: Network,
}

impl Default for Instances {
    fn default() -> Instances {
        Instances {
            enabled: true,
            qemu: "qemu-system-x86_64".into(),
            firmware: "/usr/share/OVMF".into(),
            accel: Accel::Auto,
            stop_grace_secs: 120,
            forward_ports: vec![22],
            outbound: false,
            uid_base: 900_000,
            memory_mib: None,
            reserve_mib: 512,
            forget_deleted_days: 30,
            network: Network::default(),
        }
    }
}

/// How guests' instructions run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// KVM if a probe guest boots under it within two seconds, else emulation.
    #[default]
    Auto,
    /// KVM, or refuse to start instances.
    Kvm,
    /// Emulation: works everywhere, slow, and promises no isolation.
    Tcg,
}

/// `[quota]`: what one project may use.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Images.
    pub images: u64,
    /// Bytes of images' files.
    pub image_bytes: u64,
    /// Uploads at once.
    pub uploads: u64,
    /// Bytes that are staged or being imported at a time.
    pub staged_bytes: u64,
    /// Instances.
    pub instances: u64,
    /// Virtual CPUs.
    pub vcpus: u64,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// The disks of instances at their full size, in GiB.
    pub disk_gib: u64,
    /// Key pairs of a user.
    pub key_pairs: u64,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            images: 10_000,
            image_bytes: 10 << 40,
            uploads: 32,
            staged_bytes: 1 << 40,
            instances: 200,
            vcpus: 400,
            memory_mib: 512 * 1024,
            disk_gib: 10 * 1024,
            key_pairs: 100,
        }
    }
}

/// `[log]`: the log, on standard error.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Filter directives of `tracing`, such as `info,effigy=debug`.
    pub filter: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Log {
        Log { filter: "info".into(), format: LogFormat::Text }
    }
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Config {
    /// Reads the file (if one is named), then the environment.
    ///
    /// # Errors
    /// An unreadable file, an unknown key, or a value of the wrong shape; the error names which.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Config> {
        let mut figment = Figment::from(Serialized::defaults(Config::default()));
        if let Some(path) = file {
            anyhow::ensure!(path.is_file(), "there is no configuration file {}", path.display());
            figment = figment.merge(Toml::file_exact(path));
        }
        let config = figment.merge(Env::prefixed("EFFIGY__").split("__")).extract();
        let mut config: Config = config.context("the configuration is not valid")?;
        config.settle_stores()?;
        config.instances.network.check()?;
        let least = config.identity.min_password_chars;
        anyhow::ensure!(
            least <= MADE_PASSWORD_CHARS,
            "identity.min_password_chars is {least}: it is {MADE_PASSWORD_CHARS} at most, the length of the passwords that are made up here"
        );
        Ok(config)
    }

    /// Adds the store that is always there, and checks the rest.
    fn settle_stores(&mut self) -> anyhow::Result<()> {
        let local = self.stores.entry(LOCAL_STORE.into()).or_default();
        if local.description.is_empty() {
            local.description = "Effigy's own store".into();
        }
        let is_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        for (name, store) in &self.stores {
            let is_name = !name.is_empty() && name.len() <= MAX_STORE_NAME_CHARS && name.chars().all(is_char);
            anyhow::ensure!(
                is_name,
                "'{name}' is not a valid name of a store: it has 1 to {MAX_STORE_NAME_CHARS} lower-case letters, digits and '-'"
            );
            store.check(name)?;
        }
        let mut folders: Vec<PathBuf> =
            self.stores.iter().map(|(name, store)| self.store_folder(name, store)).collect();
        folders.sort();
        if let Some(both) = folders.windows(2).find(|both| both[0] == both[1]) {
            anyhow::bail!("two stores have the folder {}: each needs its own", both[0].display());
        }
        stores::check_prefixes(&self.stores)?;
        let default = &self.store.default;
        let store = self.stores.get(default);
        let store = store.with_context(|| format!("there is no [stores.{default}], which store.default names"))?;
        anyhow::ensure!(!store.read_only, "the default store '{default}' cannot be read-only");
        Ok(())
    }

    /// The file of the rows, where they live in SQLite.
    pub fn database_file(&self) -> PathBuf {
        self.server.data.join("effigy.db")
    }

    /// The folder of a store's chunks. One that is relative lies in the data folder.
    pub fn store_folder(&self, name: &str, store: &NamedStore) -> PathBuf {
        let folder = store.folder.clone().unwrap_or_else(|| if name == LOCAL_STORE { "store" } else { name }.into());
        self.server.data.join(folder)
    }

    /// The effective values as TOML, the passwords left out.
    pub fn redacted(&self) -> anyhow::Result<String> {
        let mut shown = self.clone();
        if let Some(url) = &shown.database.url {
            shown.database.url = Some(without_password(url));
        }
        shown.keystone = shown.keystone.redacted();
        Ok(toml::to_string_pretty(&shown)?)
    }
}

impl Server {
    /// How long a client may keep the service waiting.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_secs.max(1))
    }

    /// How long a clean shutdown waits for requests under way.
    pub fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_secs)
    }
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".into() };
    let Some((credentials, host)) = rest.rsplit_once('@') else { return url.into() };
    let user = credentials.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}:***@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_key_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("effigy.toml");
        std::fs::write(&file, "[sharing]\nscoop = \"any\"\n").expect("write");
        let error = format!("{:#}", Config::load(Some(&file)).expect_err("unknown key"));
        assert!(error.contains("scoop"), "{error}");
    }

    #[test]
    fn stores_have_names_and_folders_of_their_own_and_the_default_takes_what_is_new() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("effigy.toml");
        let load = |text: &str| {
            std::fs::write(&file, text).expect("write");
            Config::load(Some(&file)).map_err(|error| format!("{error:#}"))
        };
        let config = load("[stores.archive]\nfolder = \"/srv/archive\"\n").expect("two stores");
        assert_eq!(config.stores.keys().collect::<Vec<_>>(), ["archive", "local"]);
        assert_eq!(config.store_folder("archive", &config.stores["archive"]), Path::new("/srv/archive"));
        assert_eq!(config.store_folder("local", &config.stores["local"]), config.server.data.join("store"));
        for (text, word) in [
            ("[stores.\"A b\"]\nfolder = \"x\"\n", "not a valid name of a store"),
            ("[stores.archive]\n", "stores.archive.folder"),
            ("[stores.archive]\nfolder = \"store\"\n", "each needs its own"),
            ("[store]\ndefault = \"archive\"\n", "store.default"),
            ("[stores.local]\nread_only = true\n", "read-only"),
            ("[stores.local]\ncolour = 1\n", "colour"),
        ] {
            let error = load(text).expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn password_of_the_database_is_not_shown() {
        assert_eq!(without_password("postgres://u:p@ss@h/d"), "postgres://u:***@h/d");
    }
}
