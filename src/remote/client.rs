//! The requests to a cloud's image service, with a token that is renewed.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::Value;
use tokio::{sync::Mutex, time::timeout};

use super::access::{Access, Proof};
use crate::{
    ids::ImageId,
    keystone::{Host, Reply, Service, secret},
};

/// The largest answer that is read: a page of images with all the properties that they may have.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// The largest refusal of a file that is read for its words.
const MAX_REFUSAL_BYTES: usize = 64 << 10;
/// The letters of an answer's words that are shown.
const MAX_WORDS: usize = 400;
/// A request is sent this often, with a pause that doubles, before the run ends: a service may be restarted meanwhile.
pub const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How long an answer may take, and the next bytes of a file.
pub const PATIENCE: Duration = Duration::from_secs(60);

const LATE: &str = "it does not answer in time";
const NO_TOKEN: &str = "it takes no token";

const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// A cloud's image service, signed in to.
pub struct Remote {
    access: Access,
    /// Its name in what people are told.
    named: &'static str,
    keystone: Option<Arc<Host>>,
    url: String,
    host: Host,
    token: Arc<Mutex<HeaderValue>>,
    /// The project that the token is of, where that is known without asking.
    project: Option<String>,
}

/// Why it did not do what was asked, in words for people.
#[derive(Debug)]
pub enum Fault {
    /// It does not answer now.
    Away(String),
    /// It does not know us: no other request will fare better.
    Denied(String),
    /// It fails, and may not the next time.
    Failed(String),
    /// It answers, and says no.
    Refused(String),
}

/// A sign-in that Keystone took.
struct SignedIn {
    token: HeaderValue,
    catalog: Vec<Service>,
    project: Option<String>,
}

impl Remote {
    /// Signs in, and finds the image service in the catalog; `named` is its name in what people are told.
    ///
    /// # Errors
    /// Keystone is out of reach, or refuses.
    pub async fn open(access: Access, named: &'static str) -> anyhow::Result<Remote> {
        let host = |url: &str, version, named| Host::new(url, version, named, access.trust.clone(), MAX_ANSWER_BYTES);
        let keystone = access.auth_url.as_deref().map(|url| host(url, "/v3", "auth_url")).transpose()?;
        let known = |token, catalog| SignedIn { token, catalog, project: access.project.clone() };
        let SignedIn { token, catalog, project } = match (&access.proof, &keystone) {
            (Proof::Token(token), Some(keystone)) if access.address.is_none() => {
                let token = secret(token)?;
                let catalog = catalog(keystone, &token).await?;
                known(token, catalog)
            }
            (Proof::Token(token), _) => known(secret(token)?, Vec::new()),
            (Proof::SignIn(body), Some(keystone)) => sign_in(keystone, body).await?,
            (Proof::SignIn(_), None) => anyhow::bail!("auth_url is missing"),
        };
        let url = match &access.address {
            Some(address) => address.clone(),
            None => endpoint(&catalog, &access)?,
        };
        let host = host(&url, "/v2", "the image service's address")?;
        let (keystone, token) = (keystone.map(Arc::new), Arc::new(Mutex::new(token)));
        Ok(Remote { access, named, keystone, url, host, token, project })
    }

    /// The address of the image service.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same cloud's Effigy, with its own API: it lies beside the Image API.
    ///
    /// # Errors
    /// Never, for an address that was taken before.
    pub fn effigy(&self) -> anyhow::Result<Remote> {
        let url = self.url.trim_end_matches('/');
        let url = url.strip_suffix("/v2").unwrap_or(url);
        let url = format!("{}/effigy", url.strip_suffix("/image").unwrap_or(url));
        let trust = self.access.trust.clone();
        let host = Host::new(&url, "/v1", "the image service's address", trust, MAX_ANSWER_BYTES)?;
        let (keystone, token, project) = (self.keystone.clone(), self.token.clone(), self.project.clone());
        Ok(Remote { access: self.access.clone(), named: self.named, keystone, url, host, token, project })
    }

    /// The project that the token is of; `None` where nobody tells, as of a token without a Keystone.
    ///
    /// # Errors
    /// Keystone is out of reach, or refuses the token.
    pub async fn project(&self) -> Result<Option<String>, Fault> {
        let (None, Some(keystone)) = (&self.project, &self.keystone) else { return Ok(self.project.clone()) };
        let token = self.token.lock().await.clone();
        let mut request = request(&token);
        request.headers_mut().insert("x-subject-token", token);
        let answer = within(keystone.send("/v3/auth/tokens", request)).await.map_err(keystone_is_away)?;
        if answer.status != StatusCode::OK {
            let why = format!("Keystone refuses the token ({}): {}", answer.status, words(&answer.body));
            return Err(Fault::Denied(why));
        }
        let read: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(read["token"]["project"]["id"].as_str().map(str::to_owned))
    }

    /// Sends a request once, and once more with another token where its own is over. The answer may be any.
    ///
    /// # Errors
    /// `Away` when there is no answer.
    pub async fn send(&self, path: &str, request: &Request<Full<Bytes>>) -> Result<Reply, Fault> {
        for is_last in [false, true] {
            let token = self.token.lock().await.clone();
            let mut request = request.clone();
            request.headers_mut().insert(AUTH_TOKEN, token.clone());
            match timeout(PATIENCE, self.host.send(path, request)).await {
                Ok(Ok(answer)) if answer.status == StatusCode::UNAUTHORIZED && !is_last => self.renew(&token).await?,
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => return Err(self.away(&format!("{error:#}"))),
                Err(_) => return Err(self.away(LATE)),
            }
        }
        Err(self.takes_no_token())
    }

    /// An image's file from a byte on, and the byte that the answer really begins with.
    pub async fn file(&self, id: ImageId, from: u64) -> Result<(u64, Incoming), Fault> {
        let path = format!("/v2/images/{id}/file");
        for is_last in [false, true] {
            let token = self.token.lock().await.clone();
            let mut request = request(&token);
            if from > 0 {
                let range = HeaderValue::from_str(&format!("bytes={from}-"));
                request.headers_mut().insert(header::RANGE, range.expect("a number is no strange letter"));
            }
            let answer = match timeout(PATIENCE, self.host.open(&path, request)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => return Err(self.away(&format!("{error:#}"))),
                Err(_) => return Err(self.away(LATE)),
            };
            match answer.status() {
                StatusCode::UNAUTHORIZED if !is_last => self.renew(&token).await?,
                StatusCode::OK => return Ok((0, answer.into_body())),
                StatusCode::PARTIAL_CONTENT if begins_at(&answer) == Some(from) => {
                    return Ok((from, answer.into_body()));
                }
                other => {
                    let body = Limited::new(answer.into_body(), MAX_REFUSAL_BYTES).collect();
                    let body = timeout(PATIENCE, body).await.ok().and_then(Result::ok);
                    let why = words(&body.map(|body| body.to_bytes()).unwrap_or_default());
                    let why = format!("{} answers {other} to the request for its file: {why}", self.named);
                    let why = why.trim_end_matches(": ").to_owned();
                    let may_pass = other.is_server_error() || other.as_u16() == 429;
                    return Err(if may_pass { Fault::Failed(why) } else { Fault::Refused(why) });
                }
            }
        }
        Err(self.takes_no_token())
    }

    /// An answer that is neither a server's error nor about the token, asked for again and again.
    ///
    /// # Errors
    /// `Away` when there is none.
    pub async fn get(&self, path: &str) -> Result<Reply, Fault> {
        let mut pause = FIRST_PAUSE;
        let mut why = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            let token = self.token.lock().await.clone();
            match timeout(PATIENCE, self.host.send(path, request(&token))).await {
                Ok(Ok(answer)) if answer.status == StatusCode::UNAUTHORIZED => {
                    self.renew(&token).await?;
                    why = NO_TOKEN.into();
                }
                Ok(Ok(answer)) if answer.status.is_server_error() || answer.status.as_u16() == 429 => {
                    why = format!("it answers {}", answer.status);
                }
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => why = format!("{error:#}"),
                Err(_) => why = LATE.into(),
            }
        }
        Err(self.away(&why))
    }

    /// Another token in place of one that was refused.
    async fn renew(&self, refused: &HeaderValue) -> Result<(), Fault> {
        let mut token = self.token.lock().await;
        // Somebody else has renewed it meanwhile.
        if *token != *refused {
            return Ok(());
        }
        let (Proof::SignIn(body), Some(keystone)) = (&self.access.proof, &self.keystone) else {
            let why = "the token is over, or not one of this cloud: run it again with another";
            return Err(Fault::Denied(why.into()));
        };
        *token = sign_in(keystone, body).await?.token;
        Ok(())
    }

    fn away(&self, why: &str) -> Fault {
        Fault::Away(format!("{} is out of reach: {why}", self.named))
    }

    fn takes_no_token(&self) -> Fault {
        Fault::Denied(format!("{} takes no token of this cloud's Keystone", self.named))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Away(why) | Fault::Denied(why) | Fault::Failed(why) | Fault::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Fault {}

fn request(token: &HeaderValue) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::new()));
    request.headers_mut().insert(AUTH_TOKEN, token.clone());
    request
}

/// The first byte of a part, as `Content-Range` has it: `bytes 5-9/10`.
fn begins_at(answer: &Response<Incoming>) -> Option<u64> {
    let range = answer.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.trim_start_matches("bytes").trim().split('-').next()?.parse().ok()
}

/// The words of a refusal: those of its message where it has one, else the beginning of its text.
pub fn words(body: &[u8]) -> String {
    let read: Option<Value> = serde_json::from_slice(body).ok();
    let message =
        read.as_ref().and_then(|read| read.pointer("/error/message").or_else(|| read.get("message"))?.as_str());
    let text = message.map_or_else(|| String::from_utf8_lossy(body), Into::into);
    text.chars().filter(|letter| !letter.is_control()).take(MAX_WORDS).collect()
}

async fn sign_in(keystone: &Host, body: &Value) -> Result<SignedIn, Fault> {
    let mut request = Request::new(Full::new(Bytes::from(body.to_string())));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answer = within(keystone.send("/v3/auth/tokens", request)).await.map_err(keystone_is_away)?;
    if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Fault::Away(format!("Keystone answers {}: {}", answer.status, words(&answer.body))));
    }
    let token = answer.headers.get("x-subject-token").filter(|_| answer.status == StatusCode::CREATED);
    let refused = || {
        let why = format!("Keystone refuses the sign-in ({}): {}", answer.status, words(&answer.body));
        Fault::Denied(format!("{why} Look at the user, the password and the project of the cloud that is named."))
    };
    let mut token = token.ok_or_else(refused)?.clone();
    token.set_sensitive(true);
    let read: Result<Value, _> = serde_json::from_slice(&answer.body);
    let mut read = read.map_err(|_| Fault::Denied("Keystone's answer is not JSON: is auth_url its address?".into()))?;
    let project = read["token"]["project"]["id"].as_str().map(str::to_owned);
    let catalog = serde_json::from_value(read["token"]["catalog"].take()).unwrap_or_default();
    Ok(SignedIn { token, catalog, project })
}

fn keystone_is_away(error: anyhow::Error) -> Fault {
    Fault::Away(format!("Keystone is out of reach: {error:#}"))
}

/// The catalog of a token that nobody signed in for.
async fn catalog(keystone: &Host, token: &HeaderValue) -> anyhow::Result<Vec<Service>> {
    let answer = within(keystone.send("/v3/auth/catalog", request(token))).await.context("Keystone is out of reach")?;
    anyhow::ensure!(answer.status == StatusCode::OK, "Keystone refuses the token ({})", answer.status);
    let mut read: Value = serde_json::from_slice(&answer.body).context("Keystone's answer is not JSON")?;
    Ok(serde_json::from_value(read["catalog"].take()).unwrap_or_default())
}

async fn within<T>(asked: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(anyhow::anyhow!(LATE)))
}

/// The address of the image service that a catalog lists.
fn endpoint(catalog: &[Service], access: &Access) -> anyhow::Result<String> {
    let mut endpoints = catalog.iter().filter(|service| service.kind == "image").flat_map(|service| &service.endpoints);
    let found = endpoints.find(|endpoint| {
        let is_there = access.region.as_ref().is_none_or(|region| endpoint.region_id.as_ref() == Some(region));
        is_there && endpoint.interface == access.interface
    });
    let missing = || {
        let region = access.region.as_ref().map(|region| format!(" in the region {region}")).unwrap_or_default();
        format!(
            "Keystone's catalog lists no image service with the interface {}{region}: name its address \
             (image_endpoint_override in clouds.yaml, or OS_IMAGE_ENDPOINT_OVERRIDE)",
            access.interface
        )
    };
    Ok(found.with_context(missing)?.url.clone())
}
