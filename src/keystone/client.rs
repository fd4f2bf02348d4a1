//! Questions to Keystone: as the service user, or with a client's own token.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, Semaphore},
    time::{Instant, timeout_at},
};
use tokio_rustls::rustls::ClientConfig;

use super::{
    MAX_ANSWER_BYTES,
    breaker::Breaker,
    connect::{Host, Reply, secret},
    token,
};
use crate::{config, db::now_ms, tls};

/// Passwords that Keystone is asked about at once: each keeps one of its processors busy for a good part of a second, and
/// questions about tokens are not to wait for them.
const SIGN_INS: usize = 8;
/// Questions at once. Keystone answers a few hundred a second on one machine, so more would only wait there.
pub(super) const OUTSTANDING: usize = 32;
/// The service user's token is renewed so long before it is over.
const RENEWED_MS: i64 = 60_000;
/// A header of this length is more than many a web server takes, and some of them close the connection without a word.
const LONG_HEADER_BYTES: usize = 2048;

pub(super) const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
pub(super) const JSON: (HeaderName, HeaderValue) = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");
/// Without it, Keystone knows no token of an application credential that has access rules.
const ACCESS_RULES: (HeaderName, HeaderValue) =
    (HeaderName::from_static("openstack-identity-access-rules"), HeaderValue::from_static("1"));

/// Keystone has not answered, or not so that it helps. The log has the reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct Away;

/// The client.
pub(super) struct Client {
    host: Host,
    timeout: Duration,
    breaker: Breaker,
    outstanding: Semaphore,
    sign_ins: Semaphore,
    /// The body that signs the service user in.
    proof: Bytes,
    own: Mutex<Option<Own>>,
}

/// The service user's token.
#[derive(Clone, PartialEq, Eq)]
struct Own {
    token: HeaderValue,
    expires_ms: i64,
}

impl Client {
    pub(super) fn new(settings: &config::Keystone) -> anyhow::Result<Client> {
        Ok(Client {
            host: host(settings)?,
            timeout: Duration::from_secs(settings.timeout.max(1)),
            breaker: Breaker::default(),
            outstanding: Semaphore::new(OUTSTANDING),
            sign_ins: Semaphore::new(SIGN_INS),
            proof: Bytes::from(proof(settings)?.to_string()),
            own: Mutex::default(),
        })
    }

    /// Keystone's words about a token; `None` when it knows none.
    pub(super) async fn validate(&self, bearer: &str, over: bool) -> Result<Option<Bytes>, Away> {
        let path = if over { "/v3/auth/tokens?allow_expired=1" } else { "/v3/auth/tokens" };
        let Ok(subject) = secret(bearer) else { return Ok(None) };
        let answer = self.as_service(path, &[(SUBJECT_TOKEN, subject), ACCESS_RULES]).await?;
        match answer.status.as_u16() {
            200 => Ok(Some(answer.body)),
            // It cannot be one, or is longer than Keystone takes: that tells about the token, not about Keystone.
            400 | 404 | 413 | 414 | 431 => Ok(None),
            _ => Err(self.useless(&answer, "about a token")),
        }
    }

    /// The revocations since a moment, as Keystone lists them.
    pub(super) async fn revocations(&self, since: &str) -> Result<Bytes, Away> {
        let answer = self.as_service(&format!("/v3/OS-REVOKE/events?since={since}"), &[]).await?;
        if answer.status == StatusCode::OK { Ok(answer.body) } else { Err(self.useless(&answer, "about revocations")) }
    }

    /// The answer to a question that a client's own token asks; `None` when it may not.
    pub(super) async fn of_bearer(&self, path: &str, bearer: &str) -> Result<Option<Bytes>, Away> {
        let Ok(bearer) = secret(bearer) else { return Ok(None) };
        let request = request(Method::GET, Bytes::new(), &[(AUTH_TOKEN, bearer)]);
        let answer = self.ask(path, request, Instant::now() + self.timeout).await?;
        match answer.status.as_u16() {
            200 => Ok(Some(answer.body)),
            400..500 => Ok(None),
            _ => Err(self.useless(&answer, "with a client's token")),
        }
    }

    /// Keystone's answer to a proof of somebody's identity.
    pub(super) async fn prove(&self, auth: Bytes) -> Result<Reply, Away> {
        let deadline = Instant::now() + self.timeout;
        // The semaphore is never closed. Too many who sign in tell nothing about Keystone.
        let _turn = timeout_at(deadline, self.sign_ins.acquire()).await.map_err(|_| Away)?;
        self.ask("/v3/auth/tokens", request(Method::POST, auth, &[JSON]), deadline).await
    }

    /// Keystone's answer to a request that somebody's own token makes, whatever the answer is.
    pub(super) async fn as_bearer(
        &self,
        method: Method,
        path: &str,
        bearer: HeaderValue,
        body: Bytes,
    ) -> Result<Reply, Away> {
        let mut headers = vec![(AUTH_TOKEN, bearer.clone()), JSON];
        if path == "/v3/auth/tokens" {
            headers.push((SUBJECT_TOKEN, bearer));
        }
        self.ask(path, request(method, body, &headers), Instant::now() + self.timeout).await
    }

    /// Asks as the service user; signs in once more when its token is not taken.
    async fn as_service(&self, path: &str, headers: &[(HeaderName, HeaderValue)]) -> Result<Reply, Away> {
        let deadline = Instant::now() + self.timeout;
        let mut own = self.signed_in(None, deadline).await?;
        for is_last in [false, true] {
            let mut request = request(Method::GET, Bytes::new(), headers);
            request.headers_mut().insert(AUTH_TOKEN, own.token.clone());
            let answer = self.ask(path, request, deadline).await?;
            match answer.status {
                StatusCode::UNAUTHORIZED if is_last => return Err(self.useless(&answer, "for the service user")),
                StatusCode::UNAUTHORIZED => own = self.signed_in(Some(own), deadline).await?,
                _ => return Ok(answer),
            }
        }
        Err(Away)
    }

    /// The service user's token; not the one that was refused.
    async fn signed_in(&self, refused: Option<Own>, deadline: Instant) -> Result<Own, Away> {
        // One signs in while the others wait.
        let own = timeout_at(deadline, self.own.lock()).await;
        // It counts: else those who come after would wait for the next one in the same way.
        let mut own = own.map_err(|_| self.failed("the service user is not signed in in time"))?;
        if let Some(own) = own.as_ref().filter(|own| own.expires_ms > now_ms() && Some(*own) != refused.as_ref()) {
            return Ok(own.clone());
        }
        let request = request(Method::POST, self.proof.clone(), &[JSON]);
        let answer = self.ask("/v3/auth/tokens", request, deadline).await?;
        let Some(mut token) = token_in(&answer) else {
            tracing::error!("Keystone refuses the service user of [keystone]: no token can be validated");
            return Err(self.useless(&answer, "for the service user's password"));
        };
        token.set_sensitive(true);
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let expires_ms = body["token"]["expires_at"].as_str().and_then(token::milliseconds).unwrap_or(i64::MAX);
        let signed_in = Own { token, expires_ms: expires_ms.saturating_sub(RENEWED_MS) };
        *own = Some(signed_in.clone());
        Ok(signed_in)
    }

    /// One question, within its time.
    async fn ask(&self, path: &str, request: Request<Full<Bytes>>, deadline: Instant) -> Result<Reply, Away> {
        if !self.breaker.lets_through(Instant::now().into_std()) {
            return Err(Away);
        }
        let is_long = request.headers().values().any(|value| value.len() > LONG_HEADER_BYTES);
        let asked = timeout_at(deadline, async {
            // The semaphore is never closed.
            let _turn = self.outstanding.acquire().await?;
            self.host.send(path, request).await
        });
        let answer = asked.await.unwrap_or_else(|_| Err(anyhow::anyhow!("it did not answer in time")));
        match answer {
            Ok(answer) if !answer.status.is_server_error() && answer.status != StatusCode::TOO_MANY_REQUESTS => {
                self.breaker.answered();
                Ok(answer)
            }
            Ok(answer) => Err(self.failed(&format!("it answered {}", answer.status))),
            // Else a stranger could shut everybody out with long headers.
            Err(error) if is_long => {
                tracing::debug!("Keystone did not take a token of more than {LONG_HEADER_BYTES} bytes: {error:#}");
                Err(Away)
            }
            Err(error) => Err(self.failed(&format!("{error:#}"))),
        }
    }

    fn useless(&self, answer: &Reply, what: &str) -> Away {
        self.failed(&format!("it answered {} to a question {what}", answer.status))
    }

    fn failed(&self, why: &str) -> Away {
        if self.breaker.failed(Instant::now().into_std()) {
            tracing::error!(
                "Keystone is out of reach ({why}): requests that need it are answered 503 until it is back"
            );
        } else {
            tracing::warn!("Keystone is out of reach: {why}");
        }
        Away
    }
}

/// The token that Keystone made, if it made one.
pub(super) fn token_in(answer: &Reply) -> Option<HeaderValue> {
    answer.headers.get(SUBJECT_TOKEN).cloned().filter(|_| answer.status == StatusCode::CREATED)
}

pub(super) fn request(method: Method, body: Bytes, headers: &[(HeaderName, HeaderValue)]) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    request.headers_mut().extend(headers.iter().cloned());
    request
}

/// The host of `keystone.auth_url`.
fn host(settings: &config::Keystone) -> anyhow::Result<Host> {
    let url = settings.auth_url.as_deref().context("identity.mode = \"keystone\" needs keystone.auth_url")?;
    Host::new(url, "/v3", "keystone.auth_url", trust(settings)?, MAX_ANSWER_BYTES)
}

/// The certificates of `keystone.cafile`; none: those that the system trusts.
pub(super) fn trust(settings: &config::Keystone) -> anyhow::Result<Option<Arc<ClientConfig>>> {
    settings.cafile.as_deref().map(tls::of_file).transpose().context("keystone.cafile")
}

/// The body of the service user's sign-in.
fn proof(settings: &config::Keystone) -> anyhow::Result<Value> {
    let credential = (&settings.application_credential_id, &settings.application_credential_secret);
    if let (Some(id), Some(secret)) = credential {
        let identity =
            json!({"methods": ["application_credential"], "application_credential": {"id": id, "secret": secret}});
        return Ok(json!({"auth": {"identity": identity}}));
    }
    let missing = "identity.mode = \"keystone\" needs a service user: keystone.username and keystone.password, or \
                   keystone.application_credential_id and keystone.application_credential_secret";
    let user = json!({
        "name": settings.username.as_ref().context(missing)?,
        "password": settings.password.as_ref().context(missing)?,
        "domain": {"name": settings.user_domain_name},
    });
    let project = json!({"name": settings.project_name, "domain": {"name": settings.project_domain_name}});
    let identity = json!({"methods": ["password"], "password": {"user": user}});
    Ok(json!({"auth": {"identity": identity, "scope": {"project": project}}}))
}
