//! The requests of people at the console: they sign in and out, and ask for a few things of their own.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Errand, Keystone, Reply,
    client::{Away, token_in},
    connect::secret,
    hash_of,
};
use crate::error::{Error, Result};

/// A project that somebody may work in.
#[derive(Clone, Debug, Deserialize)]
pub struct Project {
    pub id: String,
    #[serde(default)]
    pub name: String,
}

impl Keystone {
    /// Whether people sign in to the console here.
    pub fn has_console(&self) -> bool {
        self.0.settings.console
    }

    /// The token that Keystone makes for this `auth`; `None` when it refuses the proof or the scope.
    ///
    /// # Errors
    /// `Unavailable` when Keystone is out of reach.
    pub async fn sign_in(&self, auth: &Value) -> Result<Option<String>> {
        let answer = self.0.client.prove(Bytes::from(json!({ "auth": auth }).to_string())).await?;
        match answer.status {
            // A proof that Keystone does not read as one is refused in the same words: 400 of a password that is too long.
            StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT => Ok(None),
            _ => match token_in(&answer).and_then(|token| token.to_str().ok().map(str::to_owned)) {
                Some(token) => Ok(Some(token)),
                None => Err(Away.into()),
            },
        }
    }

    /// Ends a token; one that has ended already is as good.
    ///
    /// # Errors
    /// `Unavailable` when Keystone is out of reach: the token lives on there.
    pub async fn sign_out(&self, bearer: &str) -> Result<()> {
        if let Ok(token) = secret(bearer) {
            self.0.client.as_bearer(Method::DELETE, "/v3/auth/tokens", token, Bytes::new()).await?;
        }
        // Afterwards: a request meanwhile may have asked about it once more.
        self.forget(bearer);
        Ok(())
    }

    /// The projects that a token's user may work in. The token itself asks: a service may not.
    ///
    /// # Errors
    /// `Unavailable` when Keystone is out of reach.
    pub async fn projects_of(&self, bearer: &str) -> Result<Vec<Project>> {
        #[derive(Deserialize)]
        struct Projects {
            projects: Vec<Project>,
        }
        // A token whose access rules do not allow the question knows only its own project.
        let body = self.0.client.of_bearer("/v3/auth/projects", bearer).await?;
        let read = body.and_then(|body| serde_json::from_slice::<Projects>(&body).ok());
        Ok(read.map(|read| read.projects).unwrap_or_default())
    }

    /// Keystone's answer to a question of the console, which the token of its session asks; the path begins with `/v3`.
    ///
    /// # Errors
    /// `Unavailable` when Keystone is out of reach, or answers with anything but JSON.
    pub async fn ask_for(&self, bearer: &str, errand: Errand) -> Result<Reply> {
        let token = secret(bearer).map_err(Error::internal)?;
        let answer = self.0.client.as_bearer(errand.method, &errand.path, token, errand.body).await?;
        self.handed_on(bearer, answer, "Keystone")
    }

    /// The same of the Compute service that the catalog names for this token.
    ///
    /// # Errors
    /// `NotFound` when it names none, `Conflict` when that is too old, `Unavailable` when it is out of reach or answers with
    /// anything but JSON.
    pub async fn ask_compute(&self, bearer: &str, errand: Errand) -> Result<Reply> {
        let token = self.token(bearer, false).await?;
        let url = token.as_ref().and_then(|token| self.0.computes.place(&self.0.settings, token));
        let url = url.ok_or_else(|| Error::NotFound("The catalog of this cloud has no Compute service.".into()))?;
        let answer = self.0.computes.ask(url, secret(bearer).map_err(Error::internal)?, errand).await?;
        self.handed_on(bearer, answer, "The cloud's Compute service")
    }

    /// Whether the catalog has a Compute service for a token.
    ///
    /// # Errors
    /// `Unavailable` when Keystone is needed and out of reach.
    pub async fn has_compute(&self, bearer: &str) -> Result<bool> {
        let token = self.token(bearer, false).await?;
        Ok(token.is_some_and(|token| self.0.computes.place(&self.0.settings, &token).is_some()))
    }

    /// An answer as it may be handed on: a status that speaks about the request, and JSON or nothing.
    fn handed_on(&self, bearer: &str, answer: Reply, whose: &str) -> Result<Reply> {
        if answer.status == StatusCode::UNAUTHORIZED {
            // It has ended there before it was forgotten here.
            self.forget(bearer);
        }
        let is_gateway = matches!(answer.status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT);
        let is_about = (answer.status.is_success() || answer.status.as_u16() >= 400) && !is_gateway;
        let is_json = answer.body.is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body).is_ok();
        match (is_about, is_json) {
            (true, true) => Ok(answer),
            // A proxy in front of it speaks, in a page for people.
            (true, false) if !answer.status.is_success() => Ok(Reply { body: Bytes::new(), ..answer }),
            _ => {
                tracing::warn!("{whose} answered {} to the console, and not as an API does", answer.status);
                Err(Error::Unavailable(format!("{whose} is out of reach; try again in a few seconds.")))
            }
        }
    }

    /// Asks about a token again when it is used next.
    fn forget(&self, bearer: &str) {
        if let Some(hash) = hash_of(bearer) {
            self.0.known.invalidate(&hash);
        }
    }
}
