//! `[stores.NAME]`: a store's folder, or its bucket.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::LOCAL_STORE;

/// `[stores.NAME]`: one of several stores.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NamedStore {
    /// Whether its chunks lie in its folder, or in a bucket.
    pub backend: Backend,
    /// The folder of its chunks; of a store in a bucket, of those on their way and of the cache. `local` and stores in
    /// buckets have one by themselves.
    pub folder: Option<PathBuf>,
    /// Its description, for people.
    pub description: String,
    /// Of several stores that have an image the one with the greatest weight is read.
    pub weight: i32,
    /// It takes nothing new.
    pub read_only: bool,
    /// The bucket; it is there already.
    pub bucket: Option<String>,
    /// The beginning of the names of its objects; the store's name, unless it is set.
    pub prefix: Option<String>,
    /// The address of the S3 server; Amazon's, unless it is set.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// The name of the key. Without one the environment is asked (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), and then
    /// the machine's role.
    pub access_key: Option<String>,
    /// The file with the key's secret.
    pub secret_key_file: Option<PathBuf>,
    /// The certificates that are trusted for the server (PEM); those of the system, unless it is set.
    pub ca_file: Option<PathBuf>,
    /// The bytes of the bucket that the folder keeps at most, in MiB: for the first reads of images that are used.
    pub cache_mib: Option<u64>,
    /// Hours that an object stays after nothing refers to it: the age of the oldest copy of the database that can be
    /// restored.
    pub keep_removed_hours: Option<u64>,
}

/// The place of a store's chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A folder.
    #[default]
    Folder,
    /// A bucket of S3 or its like.
    S3,
}

/// MiB that the folder of a store in a bucket keeps.
const BUCKET_CACHE_MIB: u64 = 10_240;
/// Hours that removed objects stay.
const KEEP_REMOVED_HOURS: u64 = 72;

impl NamedStore {
    /// The bytes that the folder before its bucket keeps.
    pub fn cache_bytes(&self) -> u64 {
        self.cache_mib.unwrap_or(BUCKET_CACHE_MIB).saturating_mul(1 << 20)
    }

    /// How long objects stay that nothing refers to any more.
    pub fn keep_removed(&self) -> Duration {
        Duration::from_secs(self.keep_removed_hours.unwrap_or(KEEP_REMOVED_HOURS).saturating_mul(3_600))
    }

    /// Checks that what is set belongs together.
    pub(super) fn check(&self, name: &str) -> anyhow::Result<()> {
        let of_s3 = [
            ("bucket", self.bucket.is_some()),
            ("prefix", self.prefix.is_some()),
            ("endpoint", self.endpoint.is_some()),
            ("region", self.region.is_some()),
            ("access_key", self.access_key.is_some()),
            ("secret_key_file", self.secret_key_file.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("cache_mib", self.cache_mib.is_some()),
            ("keep_removed_hours", self.keep_removed_hours.is_some()),
        ];
        if self.backend == Backend::Folder {
            let is_whole = name == LOCAL_STORE || self.folder.is_some();
            anyhow::ensure!(is_whole, "the store '{name}' has no folder: set stores.{name}.folder");
            if let Some((key, _)) = of_s3.iter().find(|(_, is_set)| *is_set) {
                anyhow::bail!(
                    "stores.{name}.{key} is for a bucket: set stores.{name}.backend = \"s3\", or take it out"
                );
            }
            return Ok(());
        }
        anyhow::ensure!(self.bucket.is_some(), "the store '{name}' has no bucket: set stores.{name}.bucket");
        anyhow::ensure!(
            self.access_key.is_some() == self.secret_key_file.is_some(),
            "stores.{name}.access_key and stores.{name}.secret_key_file belong together: set both, or neither"
        );
        let prefix = self.prefix.as_deref().unwrap_or(name);
        let is_char = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let is_prefix = !prefix.is_empty() && prefix.chars().all(is_char) && prefix.split('/').all(is_step);
        anyhow::ensure!(
            is_prefix,
            "stores.{name}.prefix is '{prefix}': it has letters, digits, '-', '_' and '.', in steps with '/' between them"
        );
        let is_address = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        anyhow::ensure!(
            self.endpoint.as_ref().is_none_or(is_address),
            "stores.{name}.endpoint is no address: it starts with https:// or http://"
        );
        Ok(())
    }
}

/// Refuses two stores of one bucket of which one would find the other's objects among its own.
pub(super) fn check_prefixes(stores: &BTreeMap<String, NamedStore>) -> anyhow::Result<()> {
    let place = |(name, store): (&String, &NamedStore)| {
        let prefix = format!("{}/", store.prefix.as_ref().unwrap_or(name));
        store.bucket.clone().map(|bucket| (store.endpoint.clone(), bucket, prefix))
    };
    let mut places: Vec<_> = stores.iter().filter_map(place).collect();
    places.sort();
    let nested = places
        .windows(2)
        .find(|two| (&two[0].0, &two[0].1) == (&two[1].0, &two[1].1) && two[1].2.starts_with(&two[0].2));
    if let Some(two) = nested {
        anyhow::bail!(
            "two stores have the prefixes '{}' and '{}' in one bucket: neither may begin the other",
            two[0].2,
            two[1].2
        );
    }
    Ok(())
}

fn is_step(step: &str) -> bool {
    !step.is_empty() && step != "." && step != ".."
}
