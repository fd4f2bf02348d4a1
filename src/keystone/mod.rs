//! Keystone: the service that knows users, projects and tokens, where this one does not keep its own.
//!
//! ```text
//! bearer ──at hand, and not over──────────────────────────────► Token
//!   └──else──► one question to Keystone, for all who ask ──200──► Token, believed for cache_seconds
//!                  │                                     └─404──► nobody
//!                  └──no answer, or none that helps──► Away (503); after several, nobody asks but one every 2 s
//! ```
//!
//! - Whatever a client says of itself beside its token is not read anywhere: only Keystone's answer makes a caller.
//! - A token is kept under its hash, in memory only. Whether it is over is looked at each time it is used.
//! - A token that Keystone has revoked is forgotten within `revocation_poll_seconds` ([`events`]); where no event tells of
//!   it (a role was taken away, a user of LDAP was locked), within `cache_seconds`. No answer is believed for longer
//!   because Keystone is away.
//! - One question for one token, however many requests wait for it; [`client::OUTSTANDING`] questions in all.
//! - People at the console sign in and out through here ([`console`]), and its requests about instances go to the Compute
//!   service of the catalog ([`compute`]): with their own token, never with the service user's.
//! - This room answers with Keystone's words as values ([`token`]); `identity` makes callers of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use serde::Deserialize;

use self::client::{Away, Client};
use crate::{
    config,
    db::now_ms,
    error::{Error, Result},
};

mod breaker;
mod client;
mod compute;
mod connect;
mod console;
mod events;
mod token;

pub use compute::{Computes, Errand};
pub use connect::{Host, Reply, secret};
pub use console::Project;
pub use token::{Credential, Domain, Named, Role, Scope, Token, milliseconds};

/// Tokens that are remembered; each takes about 2 KiB.
const REMEMBERED: u64 = 10_000;
/// The longest token that Keystone is asked about. Fernet's have about 250 letters, signed ones (JWS) some more.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The largest answer that is read. A token with its catalog has some ten thousand bytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// A hash of a token.
type Hash = [u8; 32];
type Answer = Result<Option<Arc<Token>>, Away>;
/// A question that is under way, for all who wait for its answer.
type Question = Shared<BoxFuture<'static, Answer>>;
/// The questions under way: about which token, and whether it counts when it is over.
type Asked = HashMap<(Hash, bool), Question>;

/// Keystone, as this service asks it. Cheap to clone.
#[derive(Clone)]
pub struct Keystone(Arc<Inner>);

struct Inner {
    settings: config::Keystone,
    url: String,
    client: Client,
    computes: Computes,
    known: moka::sync::Cache<Hash, Arc<Token>>,
    asked: Mutex<Asked>,
}

/// A service of Keystone's catalog.
#[derive(Clone, Debug, Deserialize)]
pub struct Service {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

/// An address of a service.
#[derive(Clone, Debug, Deserialize)]
pub struct Endpoint {
    #[serde(default)]
    pub interface: String,
    pub region_id: Option<String>,
    #[serde(default)]
    pub url: String,
}

impl Keystone {
    /// Keystone with these settings. Nothing is asked yet.
    ///
    /// # Errors
    /// A setting is missing, or cannot be meant.
    pub fn open(settings: config::Keystone) -> anyhow::Result<Keystone> {
        let client = Client::new(&settings)?;
        let computes = Computes::new(&settings)?;
        let url = settings.www_authenticate_uri.as_ref().or(settings.auth_url.as_ref()).cloned().unwrap_or_default();
        let lifetime = Duration::from_secs(settings.cache_seconds);
        let known = moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(lifetime).build();
        Ok(Keystone(Arc::new(Inner { settings, url, client, computes, known, asked: Mutex::default() })))
    }

    /// Where clients sign in.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The kind of this service in Keystone's catalog.
    pub fn service_type(&self) -> &str {
        &self.0.settings.service_type
    }

    /// Whether one of these roles makes a service's token.
    pub fn is_service(&self, token: &Token) -> bool {
        token.roles.iter().any(|role| self.0.settings.service_token_roles.contains(&role.name))
    }

    /// Whether a request with a service token that has no such role is refused.
    pub fn needs_service_role(&self) -> bool {
        self.0.settings.service_token_roles_required
    }

    /// The token as it is remembered, if it is; it may be over.
    pub fn at_hand(&self, bearer: &str) -> Option<Arc<Token>> {
        self.0.known.get(&hash_of(bearer)?)
    }

    /// The token of this bearer, remembered or asked for; `None` when Keystone knows none, or it is over. With `over`, one
    /// whose time has passed counts, for as long as Keystone allows it (`allow_expired_window`).
    ///
    /// # Errors
    /// `Unavailable` when Keystone is out of reach.
    pub async fn token(&self, bearer: &str, over: bool) -> Result<Option<Arc<Token>>> {
        let Some(hash) = hash_of(bearer) else { return Ok(None) };
        let answer = match self.0.known.get(&hash) {
            Some(token) => Ok(Some(token)),
            None => self.question(hash, bearer, over).await,
        };
        Ok(answer?.filter(|token| over || token.expires_ms > now_ms()))
    }

    /// The question about this token: the one that is under way, or a new one. It is a task of its own, so that its answer
    /// comes to all who wait although the first of them has gone.
    fn question(&self, hash: Hash, bearer: &str, over: bool) -> Question {
        let mut asked = self.asked();
        if let Some(question) = asked.get(&(hash, over)) {
            return question.clone();
        }
        // One may have been answered since the look without the lock.
        if let Some(token) = self.0.known.get(&hash) {
            return std::future::ready(Ok(Some(token))).boxed().shared();
        }
        let (keystone, bearer) = (self.clone(), bearer.to_owned());
        let task = tokio::spawn(async move {
            // Also when the task panics: else nobody would ask about this token again.
            let _end = End(keystone.clone(), (hash, over));
            let answer = keystone.0.client.validate(&bearer, over).await?;
            let token = answer.and_then(|body| Token::read(&body)).map(Arc::new);
            if let Some(token) = &token {
                keystone.0.known.insert(hash, token.clone());
            }
            Ok(token)
        });
        let question = task.map(|ended| ended.unwrap_or(Err(Away))).boxed().shared();
        asked.insert((hash, over), question.clone());
        question
    }

    /// The catalog as it is for a token; none where the token may not see it.
    ///
    /// # Errors
    /// `Unavailable` when Keystone is out of reach.
    pub async fn catalog_of(&self, bearer: &str) -> Result<Vec<Service>> {
        #[derive(Deserialize)]
        struct Catalog {
            catalog: Vec<Service>,
        }
        let body = self.0.client.of_bearer("/v3/auth/catalog", bearer).await?;
        let read = body.and_then(|body| serde_json::from_slice::<Catalog>(&body).ok());
        Ok(read.map(|read| read.catalog).unwrap_or_default())
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a question out of those under way when it is dropped.
struct End(Keystone, (Hash, bool));

impl Drop for End {
    fn drop(&mut self) {
        self.0.asked().remove(&self.1);
    }
}

impl From<Away> for Error {
    fn from(_: Away) -> Error {
        Error::Unavailable("Keystone, which knows who you are, is out of reach; try again in a few seconds.".into())
    }
}

/// The hash of a token, if it could be one: Keystone's have letters, digits and the marks of base64 and of JWS.
fn hash_of(bearer: &str) -> Option<Hash> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=+/~".contains(&byte);
    let may_be = (1..=MAX_TOKEN_BYTES).contains(&bearer.len()) && bearer.bytes().all(is_plain);
    may_be.then(|| *blake3::hash(bearer.as_bytes()).as_bytes())
}
