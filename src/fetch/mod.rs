//! Bytes from addresses that people name: the one way out of the service, for every import.
//!
//! ```text
//! address ─► parts, judged ─► resolved ─► every address judged ─► connected to one of these ─► head
//!    ▲                                                                                          │
//!    └──────────────────────────── redirect, 5 at most ◄────────────────────────────────────────┘
//! ```
//!
//! A service that fetches what it is told to is a way into its network (SSRF), so:
//! - Only http and https, only the ports of `import.allowed_ports`, only plain hosts ([`address`]).
//! - Only public addresses, unless the host is one of `import.allowed_hosts`. Only a judged address is connected
//!   to: a name is resolved once a hop, and nothing else resolves it.
//! - A redirect is a new address, judged as the first was; it never leads from https to http.
//! - Nothing of this service goes along: no proxy, no cookie, no password. A token is shown only to another image
//!   service, never after a redirect.
//! - Bytes are taken as they are: an encoded answer is refused, nothing is unpacked.
//! - Every failure before the first byte is answered in one text and after one time, so that neither tells
//!   what is in the network behind. The reason is in the log.

mod address;
mod connect;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream::BoxStream};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    HeaderMap, Request, Response,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::task::AbortOnDropHandle;

pub use address::Address;

use crate::{
    config,
    error::{Error, Result},
};

/// Redirects that are followed (RFC 9110 leaves the number open; five is what browsers' specification once had).
const MAX_REDIRECTS: usize = 5;
/// How long it may take from the first packet to the head of the answer, over all redirects. A failure is told when
/// this is over, not before: then a closed port, a silent one and a refused address look alike.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// The largest head of an answer.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The largest answer that is read as a whole: a record of an image.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// Fetches. Cheap to clone.
#[derive(Clone)]
pub struct Fetcher(Arc<Rules>);

struct Rules {
    allowed_hosts: Vec<String>,
    allowed_ports: Vec<u16>,
    timeout: Duration,
}

/// An answer whose body has yet to come.
pub struct Fetched {
    /// How many bytes come, where the source says it.
    pub size_bytes: Option<u64>,
    response: Response<Incoming>,
    connection: AbortOnDropHandle<()>,
    deadline: Instant,
}

/// The reason why something was not fetched. For the log only.
#[derive(Debug)]
struct Reason(String);

impl Fetcher {
    /// A fetcher with these rules.
    pub fn new(settings: &config::Import) -> Fetcher {
        Fetcher(Arc::new(Rules {
            allowed_hosts: settings.allowed_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            allowed_ports: settings.allowed_ports.clone(),
            timeout: Duration::from_secs(settings.timeout_secs),
        }))
    }

    /// Reads an address, and refuses what can be refused without a packet.
    ///
    /// # Errors
    /// `Invalid`, in one text.
    pub fn accept(&self, url: &str) -> Result<Address> {
        self.judge(url).map_err(|reason| {
            tracing::info!("refused an address to fetch from: {}", reason.0);
            Error::Invalid(
                "This address cannot be used: give a public http or https address of a file, on a usual port.".into(),
            )
        })
    }

    /// Fetches a file, following redirects.
    ///
    /// # Errors
    /// `Invalid`, in one text for everything that is wrong before the first byte.
    pub async fn file(&self, address: &Address) -> Result<Fetched> {
        self.told_at_one_time(address, self.follow(address)).await
    }

    /// Fetches from another image service, to which the caller's token is shown; redirects are not followed.
    ///
    /// # Errors
    /// As [`Fetcher::file`].
    pub async fn with_token(&self, address: &Address, token: &str) -> Result<Fetched> {
        let fetched = async {
            let (response, connection) = self.ask(address, Some(token)).await?;
            self.fetched(response, connection)
        };
        self.told_at_one_time(address, fetched).await
    }

    async fn told_at_one_time(
        &self,
        address: &Address,
        fetch: impl Future<Output = Result<Fetched, Reason>>,
    ) -> Result<Fetched> {
        let deadline = Instant::now() + ANSWER_TIME;
        let outcome = timeout_at(deadline, fetch).await.unwrap_or_else(|_| Err(Reason("no answer in time".into())));
        match outcome {
            Ok(fetched) => Ok(fetched),
            Err(reason) => {
                tracing::info!(host = address.host(), "cannot fetch from {}: {}", address.host(), reason.0);
                sleep_until(deadline).await;
                Err(Error::Invalid(
                    "the source cannot be fetched: it must be a public http or https address that answers with a file"
                        .into(),
                ))
            }
        }
    }

    async fn follow(&self, address: &Address) -> Result<Fetched, Reason> {
        let mut address = address.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (response, connection) = self.ask(&address, None).await?;
            match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => {
                    let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
                    let to = address.join(to.ok_or_else(|| Reason("a redirect to nowhere".into()))?);
                    let next = self.judge(&to)?;
                    if address.is_tls() && !next.is_tls() {
                        return Err(Reason("a redirect from https to http".into()));
                    }
                    address = next;
                }
                _ => return self.fetched(response, connection),
            }
        }
        Err(Reason(format!("more than {MAX_REDIRECTS} redirects")))
    }

    /// One request over a connection of its own, to an address that was judged.
    async fn ask(
        &self,
        address: &Address,
        token: Option<&str>,
    ) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), Reason> {
        let stream = connect::connect(address, self.is_allowed(address)).await?;
        let mut builder = hyper::client::conn::http1::Builder::new();
        let (mut sender, connection) = builder.max_buf_size(MAX_HEAD_BYTES).handshake(stream).await.map_err(reason)?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            // The reader of the body gets the error of a broken connection.
            let _ = connection.await;
        }));
        let response = sender.send_request(request(address, token)?).await.map_err(reason)?;
        Ok((response, connection))
    }

    fn fetched(&self, response: Response<Incoming>, connection: AbortOnDropHandle<()>) -> Result<Fetched, Reason> {
        if response.status().as_u16() != 200 {
            return Err(Reason(format!("it answered {}", response.status())));
        }
        if let Some(encoding) = encoding(response.headers()) {
            return Err(Reason(format!("it answered with {encoding:?} encoding")));
        }
        let size_bytes = hyper::body::Body::size_hint(response.body()).exact();
        Ok(Fetched { size_bytes, response, connection, deadline: Instant::now() + self.0.timeout })
    }

    fn judge(&self, url: &str) -> Result<Address, Reason> {
        let address = Address::read(url)?;
        if !self.0.allowed_ports.contains(&address.port()) {
            return Err(Reason(format!("port {} is not one of import.allowed_ports", address.port())));
        }
        if let Some(ip) = address.ip().filter(|ip| !self.is_allowed(&address) && !address::is_public(*ip)) {
            return Err(Reason(format!("{ip} is not public")));
        }
        Ok(address)
    }

    fn is_allowed(&self, address: &Address) -> bool {
        self.0.allowed_hosts.iter().any(|host| host == address.host())
    }
}

impl Fetched {
    /// The bytes, as they come, until the time for them is over.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
        let Fetched { response, connection, deadline, .. } = self;
        let bytes: BoxStream<'static, _> = response.into_body().into_data_stream().boxed();
        futures::stream::unfold(Some((bytes, connection)), move |state| async move {
            let (mut bytes, connection) = state?;
            match timeout_at(deadline, bytes.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(piece))) => Some((Ok(piece), Some((bytes, connection)))),
                Ok(Some(Err(error))) => Some((Err(std::io::Error::other(error)), None)),
                Err(_) => Some((Err(std::io::Error::other("its time is over")), None)),
            }
        })
    }

    /// The whole body, for what is small.
    ///
    /// # Errors
    /// `Invalid` for an answer that breaks off or is too long for an image's record.
    pub async fn into_bytes(self) -> Result<Bytes> {
        let limited = http_body_util::Limited::new(self.response.into_body(), MAX_RECORD_BYTES);
        let bytes = timeout_at(Instant::now() + ANSWER_TIME, limited.collect()).await;
        match bytes {
            Ok(Ok(bytes)) => Ok(bytes.to_bytes()),
            _ => Err(Error::Invalid("the source's answer broke off or is too long".into())),
        }
    }
}

fn request(address: &Address, token: Option<&str>) -> Result<Request<Empty<Bytes>>, Reason> {
    let mut request = Request::get(address.path_and_query())
        .header(header::HOST, address.authority())
        .header(header::USER_AGENT, concat!("effigy/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT, "*/*")
        // Bytes are stored as the source has them.
        .header(header::ACCEPT_ENCODING, "identity");
    if let Some(token) = token {
        let mut token = HeaderValue::from_str(token).map_err(reason)?;
        token.set_sensitive(true);
        request = request.header(HeaderName::from_static("x-auth-token"), token);
    }
    request.body(Empty::new()).map_err(reason)
}

/// The encoding of the answer's body.
fn encoding(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(header::CONTENT_ENCODING).filter(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn reason(error: impl std::fmt::Display) -> Reason {
    Reason(error.to_string())
}
