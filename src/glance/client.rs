//! The client: lists, records, members and files of a Glance, with a token that is renewed.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::{Map, Value};
use tokio::{sync::Mutex, time::timeout};

use super::access::{Access, Proof};
use crate::{
    ids::{ImageId, ProjectId},
    images::MemberStatus,
    keystone::{Host, Reply, Service, secret},
};

/// The largest answer that is read: a page of images with all the properties that they may have.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Images of a page.
const PAGE: usize = 200;
/// A request is sent this often, with a pause that doubles, before the run ends: a Glance may be restarted meanwhile.
pub(super) const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How long an answer may take, and the next bytes of a file.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// A Glance, signed in to. Only an admin's token is taken: to others most images do not exist.
pub struct Glance {
    access: Access,
    keystone: Option<Host>,
    host: Host,
    token: Mutex<HeaderValue>,
}

/// Why Glance did not do what was asked.
#[derive(Debug)]
pub(super) enum Fault {
    /// It does not answer, or not to us.
    Away(String),
    /// It fails, and may not the next time.
    Failed(String),
    /// It answers, and says no.
    Refused(String),
}

/// The records of a listing by id, and the reasons of those that cannot be read.
pub(super) type Records = BTreeMap<String, Map<String, Value>>;

impl Glance {
    /// Signs in, finds Glance in the catalog, and makes sure that the token is an admin's.
    ///
    /// # Errors
    /// Keystone or Glance is out of reach, or refuses; the error says which.
    pub async fn open(access: Access) -> anyhow::Result<Glance> {
        let host = |url: &str, version, named| Host::new(url, version, named, access.trust.clone(), MAX_ANSWER_BYTES);
        let keystone = access.auth_url.as_deref().map(|url| host(url, "/v3", "auth_url")).transpose()?;
        let (token, catalog) = match (&access.proof, &keystone) {
            (Proof::Token(token), None) => (secret(token)?, Vec::new()),
            (Proof::Token(token), Some(keystone)) => {
                let token = secret(token)?;
                let catalog = if access.address.is_some() { Vec::new() } else { catalog(keystone, &token).await? };
                (token, catalog)
            }
            (Proof::SignIn(body), Some(keystone)) => sign_in(keystone, body).await?,
            (Proof::SignIn(_), None) => anyhow::bail!("auth_url is missing"),
        };
        let url = match &access.address {
            Some(address) => address.clone(),
            None => endpoint(&catalog, &access)?,
        };
        let host = host(&url, "/v2", "Glance's address")?;
        let glance = Glance { access, keystone, host, token: Mutex::new(token) };
        glance.check_admin().await.with_context(|| format!("Glance at {url}"))?;
        Ok(glance)
    }

    /// Whether everything is shown: only admins may list tasks.
    async fn check_admin(&self) -> anyhow::Result<()> {
        let answer = self.get("/v2/tasks?limit=1").await.map_err(|fault| anyhow::anyhow!("{fault}"))?;
        match answer.status {
            StatusCode::OK => Ok(()),
            StatusCode::FORBIDDEN => anyhow::bail!(
                "the token is not an admin's, and to others most images do not exist: take a user with the role admin"
            ),
            other => anyhow::bail!("it answered {other} to the question whether this is an admin: {}", words(&answer)),
        }
    }

    /// The records of all images, hidden ones too.
    pub(super) async fn records(&self) -> Result<Records, Fault> {
        let mut records = Records::new();
        for hidden in ["false", "true"] {
            let mut marker = String::new();
            loop {
                let path = format!(
                    "/v2/images?limit={PAGE}&visibility=all&member_status=all&os_hidden={hidden}\
                     &sort_key=created_at&sort_dir=asc{marker}"
                );
                let answer = self.asked(&path).await?;
                let page = match answer.get("images") {
                    Some(Value::Array(page)) => page,
                    _ => return Err(Fault::Away("its list has no images: is this address a Glance's?".into())),
                };
                for record in page.iter().filter_map(Value::as_object) {
                    let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
                    records.insert(id.to_owned(), record.clone());
                    marker = format!("&marker={id}");
                }
                if answer.get("next").is_none() || page.is_empty() {
                    break;
                }
            }
        }
        Ok(records)
    }

    /// Whether there is such an image.
    pub(super) async fn has(&self, id: ImageId) -> Result<bool, Fault> {
        let answer = self.get(&format!("/v2/images/{id}")).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            other => {
                Err(Fault::Refused(format!("Glance answers {other} to the question for an image: {}", words(&answer))))
            }
        }
    }

    /// The projects that an image is shared with.
    pub(super) async fn members(&self, id: ImageId) -> Result<BTreeMap<ProjectId, MemberStatus>, Fault> {
        let answer = self.asked(&format!("/v2/images/{id}/members")).await?;
        let members = answer.get("members").and_then(Value::as_array).into_iter().flatten();
        let member = |member: &Value| -> Option<(ProjectId, MemberStatus)> {
            let (project, status) = (member["member_id"].as_str()?, member["status"].as_str()?);
            Some((project.parse().ok()?, status.parse().ok()?))
        };
        let unreadable = |one: &Value| Fault::Refused(format!("a member of it cannot be read: {one}"));
        members.map(|one| member(one).ok_or_else(|| unreadable(one))).collect()
    }

    /// An image's file from a byte on, and the byte that the answer really begins with.
    pub(super) async fn file(&self, id: ImageId, from: u64) -> Result<(u64, Incoming), Fault> {
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
                Ok(Err(error)) => return Err(Fault::Away(format!("{error:#}"))),
                Err(_) => return Err(Fault::Away("it does not answer in time".into())),
            };
            match answer.status() {
                StatusCode::UNAUTHORIZED if !is_last => self.renew(&token).await?,
                StatusCode::OK => return Ok((0, answer.into_body())),
                StatusCode::PARTIAL_CONTENT if begins_at(&answer) == Some(from) => {
                    return Ok((from, answer.into_body()));
                }
                other => {
                    let why = format!("Glance answers {other} to the request for its file");
                    let may_pass = other.is_server_error() || other.as_u16() == 429;
                    return Err(if may_pass { Fault::Failed(why) } else { Fault::Refused(why) });
                }
            }
        }
        Err(Fault::Away("it takes no token".into()))
    }

    /// The JSON of a good answer.
    async fn asked(&self, path: &str) -> Result<Value, Fault> {
        let answer = self.get(path).await?;
        match (answer.status, serde_json::from_slice(&answer.body)) {
            (StatusCode::OK, Ok(read)) => Ok(read),
            (StatusCode::OK, Err(_)) => Err(Fault::Refused("Glance's answer is not JSON".into())),
            (other, _) => Err(Fault::Refused(format!("Glance answers {other}: {}", words(&answer)))),
        }
    }

    /// An answer that is neither a server's error nor about the token, asked for again and again.
    async fn get(&self, path: &str) -> Result<Reply, Fault> {
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
                    why = "it takes no token".into();
                }
                Ok(Ok(answer)) if answer.status.is_server_error() || answer.status.as_u16() == 429 => {
                    why = format!("it answers {}", answer.status);
                }
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => why = format!("{error:#}"),
                Err(_) => why = "it does not answer in time".into(),
            }
        }
        Err(Fault::Away(why))
    }

    /// Another token in place of one that was refused.
    async fn renew(&self, refused: &HeaderValue) -> Result<(), Fault> {
        let mut token = self.token.lock().await;
        // Somebody else has renewed it meanwhile.
        if *token != *refused {
            return Ok(());
        }
        let (Proof::SignIn(body), Some(keystone)) = (&self.access.proof, &self.keystone) else {
            return Err(Fault::Away("the token is over, or not one of this cloud: run it again with another".into()));
        };
        let signed_in = sign_in(keystone, body).await;
        *token = signed_in.map_err(|error| Fault::Away(format!("{error:#}")))?.0;
        Ok(())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Away(why) => write!(f, "Glance is out of reach: {why}"),
            Fault::Failed(why) | Fault::Refused(why) => f.write_str(why),
        }
    }
}

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

/// The beginning of an answer's words.
fn words(answer: &Reply) -> String {
    String::from_utf8_lossy(&answer.body).chars().filter(|letter| !letter.is_control()).take(200).collect()
}

/// A token, and the services that its catalog lists.
async fn sign_in(keystone: &Host, body: &Value) -> anyhow::Result<(HeaderValue, Vec<Service>)> {
    let mut request = Request::new(Full::new(Bytes::from(body.to_string())));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answer = within(keystone.send("/v3/auth/tokens", request)).await.context("Keystone is out of reach")?;
    let token = answer.headers.get("x-subject-token").filter(|_| answer.status == StatusCode::CREATED);
    let token =
        token.with_context(|| format!("Keystone refuses the sign-in ({}): {}", answer.status, words(&answer)))?;
    let mut token = token.clone();
    token.set_sensitive(true);
    let mut read: Value = serde_json::from_slice(&answer.body).context("Keystone's answer is not JSON")?;
    let catalog = serde_json::from_value(read["token"]["catalog"].take()).unwrap_or_default();
    Ok((token, catalog))
}

/// The catalog of a token that nobody signed in for.
async fn catalog(keystone: &Host, token: &HeaderValue) -> anyhow::Result<Vec<Service>> {
    let answer = within(keystone.send("/v3/auth/catalog", request(token))).await.context("Keystone is out of reach")?;
    anyhow::ensure!(answer.status == StatusCode::OK, "Keystone refuses the token ({})", answer.status);
    let mut read: Value = serde_json::from_slice(&answer.body).context("Keystone's answer is not JSON")?;
    Ok(serde_json::from_value(read["catalog"].take()).unwrap_or_default())
}

async fn within<T>(asked: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(anyhow::anyhow!("it does not answer in time")))
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
            "Keystone's catalog lists no image service with the interface {}{region}: name its address with --glance",
            access.interface
        )
    };
    Ok(found.with_context(missing)?.url.clone())
}
