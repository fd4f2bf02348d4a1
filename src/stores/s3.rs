//! A bucket of S3 or its like, set up from settings.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use object_store::{
    BackoffConfig, ClientOptions, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    client::{HttpClient, HttpConnector},
};
use reqwest::{Certificate, Client};

use crate::tls;

/// A request that fails is sent again so often, and no later than so long after the first one. The library's own ten times
/// within three minutes would have a client wait that should be told.
const RETRIES: usize = 3;
const RETRIES_END: Duration = Duration::from_secs(8);
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an object is sent again that the bucket does not take: as a gateway needs to start anew, and less than what a
/// client waits for its answer.
const PUT_PATIENCE: Duration = Duration::from_secs(20);
/// How long any one request may take; the store's own deadline, which goes by the bytes, is shorter.
const REQUEST: Duration = Duration::from_secs(180);

/// Where a store's objects are, and how they are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub bucket: String,
    /// The part of the bucket that is this store's: no other object has such a name.
    pub prefix: String,
    /// The server's address; of none, it is Amazon's.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    /// The name of a key, whose secret is in a file; of none, the environment has both (`AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`), or the machine has a role.
    pub key: Option<(String, PathBuf)>,
    /// Trust in these certificates alone; of none, in those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The bytes that its folder keeps at most, for reading.
    pub cache_bytes: u64,
    /// The bytes that are left free on its file system, for others.
    pub leaves_free_bytes: u64,
    pub keep_removed: Duration,
}

impl Settings {
    /// The bucket. Nothing is sent yet.
    ///
    /// # Errors
    /// A file cannot be read, or a value is none.
    pub(super) fn bucket(&self) -> anyhow::Result<chunks::Bucket> {
        let is_plain = self.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let connector = Connector { trusted: self.trusted()? };
        let backoff = BackoffConfig { init_backoff: FIRST_RETRY, ..BackoffConfig::default() };
        let retry = RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRIES_END };
        // A token of a session in the environment does not belong to a key in the settings.
        let builder = if self.key.is_some() { AmazonS3Builder::new() } else { AmazonS3Builder::from_env() };
        let mut builder = builder
            .with_bucket_name(&self.bucket)
            .with_http_connector(connector)
            .with_client_options(ClientOptions::new().with_allow_http(is_plain))
            .with_retry(retry)
            // Over TLS the line is guarded already; otherwise the signature covers the body.
            .with_unsigned_payload(!is_plain);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        } else if builder.get_config_value(&AmazonS3ConfigKey::Region).is_none() {
            // Servers other than Amazon's take any; theirs is the default.
            builder = builder.with_region("us-east-1");
        }
        if let Some((key, secret_file)) = &self.key {
            let cannot = || format!("cannot read the secret key in {}", secret_file.display());
            let secret = std::fs::read_to_string(secret_file).with_context(cannot)?;
            builder = builder.with_access_key_id(key).with_secret_access_key(secret.trim());
        }
        tls::provide();
        Ok(chunks::Bucket {
            objects: Arc::new(builder.build()?),
            prefix: self.prefix.clone(),
            cache_bytes: self.cache_bytes,
            leaves_free_bytes: self.leaves_free_bytes,
            put_patience: PUT_PATIENCE,
            keep_removed: self.keep_removed,
        })
    }

    fn trusted(&self) -> anyhow::Result<Option<Vec<Certificate>>> {
        let Some(file) = &self.ca_file else { return Ok(None) };
        let cannot = || format!("cannot read the certificates in {}", file.display());
        let pem = std::fs::read(file).with_context(cannot)?;
        let certificates = Certificate::from_pem_bundle(&pem).with_context(cannot)?;
        anyhow::ensure!(!certificates.is_empty(), "there is no certificate in {}", file.display());
        Ok(Some(certificates))
    }
}

/// Connections to the bucket. Like all that the service asks others, they are direct: no proxy of the environment is read.
#[derive(Debug)]
struct Connector {
    /// `None` for what the system trusts.
    trusted: Option<Vec<Certificate>>,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = Client::builder().no_proxy().connect_timeout(CONNECT).timeout(REQUEST).http1_only();
        let client = match &self.trusted {
            Some(certificates) => client.tls_certs_only(certificates.clone()),
            None => client,
        };
        let client = client.build();
        let failed = |error| object_store::Error::Generic { store: "S3", source: Box::new(error) };
        client.map(HttpClient::new).map_err(failed)
    }
}
