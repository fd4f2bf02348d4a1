//! The cloud's own Compute service, which the console's pages of instances ask.
//!
//! It is where Keystone's catalog says for the token that asks, and no client names anything of that address. A question's
//! path is put below it, a redirect is not followed, and the answer is read whole, within its bounds.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{
    Method, Uri,
    header::{HeaderName, HeaderValue},
};
use serde_json::Value;
use tokio::{sync::OnceCell, time::timeout};
use tokio_rustls::rustls::ClientConfig;

use super::{
    Host, Reply, Token,
    client::{AUTH_TOKEN, JSON, request, trust},
};
use crate::{
    config,
    error::{Error, Result},
};

/// The largest answer that is read: a page of a thousand servers has some four million bytes.
const MAX_COMPUTE_ANSWER_BYTES: usize = 8 << 20;
/// How long the service may take: it asks the guest's host for a console's output, and waits a minute for that.
const COMPUTE_SECS: u64 = 60;
/// The version of the API, as a part of its address.
const VERSION: &str = "/v2.1";
/// The oldest microversion that has all that the console shows: since then a flavor tells its extra specs (Nova of 2018).
const OLDEST: u16 = 61;
/// Addresses that are remembered; a cloud has one for each region.
const PLACES: u64 = 16;
/// The time after which a place is looked at anew: its service may have been upgraded.
const REMEMBERED: Duration = Duration::from_secs(600);

const MICROVERSION: HeaderName = HeaderName::from_static("openstack-api-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");

/// A request of the console that goes on to another service.
#[derive(Clone, Debug)]
pub struct Errand {
    pub method: Method,
    /// The path and the query, from the version on.
    pub path: String,
    pub body: Bytes,
    /// The newest microversion of Compute that the console knows.
    pub microversion: u16,
    /// Our id of the request, which the other service writes to its log.
    pub request_id: String,
}

/// The Compute services that catalogs have named.
pub struct Computes {
    trust: Option<Arc<ClientConfig>>,
    known: moka::sync::Cache<String, Arc<Compute>>,
}

/// One of them.
struct Compute {
    host: Host,
    /// The newest microversion that it knows.
    newest: OnceCell<u16>,
}

impl Computes {
    pub(super) fn new(settings: &config::Keystone) -> anyhow::Result<Computes> {
        let known = moka::sync::Cache::builder().max_capacity(PLACES).time_to_live(REMEMBERED).build();
        Ok(Computes { trust: trust(settings)?, known })
    }

    /// The address for a token, up to the version: the project that an old catalog writes after it is the token's anyway.
    pub(super) fn place<'t>(&self, settings: &config::Keystone, token: &'t Token) -> Option<&'t str> {
        let is_wanted = |region: &Option<String>| settings.region_name.is_none() || *region == settings.region_name;
        let mut offered = token.compute.iter();
        let found = offered.find(|one| one.interface == settings.interface && is_wanted(&one.region_id))?;
        let ends = found.url.find(VERSION)? + VERSION.len();
        let is_whole = matches!(found.url.as_bytes().get(ends), None | Some(b'/'));
        is_whole.then(|| &found.url[..ends])
    }

    /// Asks the service at this address.
    pub(super) async fn ask(&self, url: &str, token: HeaderValue, errand: Errand) -> Result<Reply> {
        let compute = self.at(url)?;
        let answer = timeout(Duration::from_secs(COMPUTE_SECS), compute.ask(token, errand)).await;
        answer.unwrap_or_else(|_| Err(away(&format!("it did not answer within {COMPUTE_SECS} s"))))
    }

    fn at(&self, url: &str) -> Result<Arc<Compute>> {
        if let Some(known) = self.known.get(url) {
            return Ok(known);
        }
        let named = "the Compute service in Keystone's catalog";
        let host = Host::new(url, VERSION, named, self.trust.clone(), MAX_COMPUTE_ANSWER_BYTES);
        let host = host.map_err(|error| away(&format!("{error:#}")))?;
        let compute = Arc::new(Compute { host, newest: OnceCell::new() });
        self.known.insert(url.to_owned(), compute.clone());
        Ok(compute)
    }
}

impl Compute {
    async fn ask(&self, token: HeaderValue, errand: Errand) -> Result<Reply> {
        let newest = *self.newest.get_or_try_init(|| self.newest(token.clone())).await?;
        if newest < OLDEST {
            return Err(Error::Conflict(format!(
                "The cloud's Compute service knows microversions up to 2.{newest}; the console needs 2.{OLDEST}."
            )));
        }
        let wanted = format!("compute 2.{}", newest.min(errand.microversion));
        let headers = [
            (AUTH_TOKEN, token),
            JSON,
            (MICROVERSION, HeaderValue::from_str(&wanted).map_err(Error::internal)?),
            (REQUEST_ID, HeaderValue::from_str(&errand.request_id).map_err(Error::internal)?),
        ];
        self.send(&errand.path, errand.method, errand.body, &headers).await
    }

    /// Asks for the newest microversion.
    async fn newest(&self, token: HeaderValue) -> Result<u16> {
        let answer = self.send("/v2.1/", Method::GET, Bytes::new(), &[(AUTH_TOKEN, token)]).await?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let newest = body["version"]["version"].as_str().and_then(|version| version.strip_prefix("2.")?.parse().ok());
        newest.ok_or_else(|| away(&format!("it answered {} to the question for its version", answer.status)))
    }

    async fn send(
        &self,
        path: &str,
        method: Method,
        body: Bytes,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Reply> {
        // A path that cannot be one would be the client's fault, and is refused before (`api/cloud`).
        let _: Uri = path.parse().map_err(Error::internal)?;
        self.host.send(path, request(method, body, headers)).await.map_err(|error| away(&format!("{error:#}")))
    }
}

fn away(why: &str) -> Error {
    tracing::warn!("the cloud's Compute service is out of reach: {why}");
    Error::Unavailable("The cloud's Compute service is out of reach; try again in a few seconds.".into())
}

#[cfg(test)]
mod tests {
    use super::{super::Endpoint, *};

    #[test]
    fn place_is_the_catalogs_up_to_the_version() {
        let token = |url: &str| {
            let domain = super::super::Domain { id: "d".into(), name: "d".into() };
            let endpoint = |interface: &str, region: &str, url: &str| Endpoint {
                interface: interface.into(),
                region_id: Some(region.into()),
                url: url.into(),
            };
            Token {
                user: super::super::Named { id: "u".into(), name: "u".into(), domain },
                scope: super::super::Scope::Unscoped,
                roles: vec![],
                methods: vec![],
                audit_ids: vec![],
                issued_ms: 0,
                expires_ms: 0,
                credential: None,
                services: Default::default(),
                compute: vec![
                    endpoint("public", "one", "http://public/v2.1"),
                    endpoint("internal", "one", url),
                    endpoint("internal", "two", "http://two/v2.1"),
                ],
            }
        };
        let place = |url: &str, region: Option<&str>| {
            let settings = config::Keystone { region_name: region.map(str::to_owned), ..Default::default() };
            Computes::new(&settings).unwrap().place(&settings, &token(url)).map(str::to_owned)
        };
        assert_eq!(place("http://nova:8774/v2.1", None).as_deref(), Some("http://nova:8774/v2.1"));
        assert_eq!(place("https://cloud/compute/v2.1/0abc", None).as_deref(), Some("https://cloud/compute/v2.1"));
        assert_eq!(place("http://nova/v2.1/", Some("two")).as_deref(), Some("http://two/v2.1"));
        assert_eq!(place("http://nova/v2/0abc", None), None, "an API of before");
        assert_eq!(place("http://nova/v2.10/", None), None);
        assert_eq!(place("http://nova/v2.1", Some("three")), None);
    }
}
