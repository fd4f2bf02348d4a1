//! A person with an HTTP client, and what the service answers.

use std::process::Output;

use bytes::Bytes;
use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

/// A client that never waits for ever and never follows a redirect on its own.
pub fn client() -> Client {
    effigy::tls::provide();
    Client::builder()
        .timeout(std::time::Duration::from_secs(120))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("an HTTP client")
}

/// Somebody who sends requests: signed in with a token, or a stranger without.
#[derive(Clone, Debug)]
pub struct Person {
    /// The user's id; empty for a stranger.
    pub user_id: String,
    /// The project's id; empty when not scoped to one.
    pub project_id: String,
    /// The token; empty for a stranger.
    pub token: String,
    url: String,
    http: Client,
}

impl Person {
    /// Nobody in particular.
    pub fn stranger(url: &str, http: &Client) -> Person {
        Person {
            user_id: String::new(),
            project_id: String::new(),
            token: String::new(),
            url: url.to_owned(),
            http: http.clone(),
        }
    }

    /// Signs in by password and fails the test when that is refused.
    pub async fn sign_in(&self, user: &str, password: &str, project: Option<&str>) -> Person {
        let answer = self.try_sign_in(user, password, project).await.expect(201);
        let token = answer.header("x-subject-token").expect("x-subject-token").to_owned();
        let body = answer.json();
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Person {
            user_id: text("/token/user/id"),
            project_id: text("/token/project/id"),
            token,
            url: self.url.clone(),
            http: self.http.clone(),
        }
    }

    /// Tries to sign in by password.
    pub async fn try_sign_in(&self, user: &str, password: &str, project: Option<&str>) -> Answer {
        let mut auth = json!({"identity": {"methods": ["password"], "password": {"user": {
            "name": user, "password": password, "domain": {"id": "default"}}}}});
        if let Some(project) = project {
            auth["scope"] = json!({"project": {"name": project, "domain": {"id": "default"}}});
        }
        self.post("/identity/v3/auth/tokens", json!({ "auth": auth })).await
    }

    /// A request with this person's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        let request = self.http.request(method, url);
        if self.token.is_empty() { request } else { request.header("X-Auth-Token", &self.token) }
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(&body)).await
    }

    /// `PUT` of bytes.
    pub async fn put_bytes(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::PUT, path).header("Content-Type", "application/octet-stream");
        Answer::of(request.body(body)).await
    }

    /// `PATCH` with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(&body)).await
    }

    /// `PATCH` with the Image API's JSON patch.
    pub async fn patch_image(&self, id: &str, operations: Value) -> Answer {
        let request = self
            .request(Method::PATCH, &format!("/image/v2/images/{id}"))
            .header("Content-Type", "application/openstack-images-v2.1-json-patch");
        Answer::of(request.body(operations.to_string())).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }
}

/// An HTTP answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    what: String,
}

impl Answer {
    /// Sends the request and reads the whole answer.
    pub async fn of(request: RequestBuilder) -> Answer {
        Answer::try_of(request).await.expect("an answer")
    }

    /// Sends the request; an error when the connection breaks, as it does under `kill -9`.
    pub async fn try_of(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let (client, request) = request.build_split();
        let request = request?;
        let what = format!("{} {}", request.method(), request.url());
        let answer = client.execute(request).await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.bytes().await?, what })
    }

    /// Fails the test unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{} answered {}: {}", self.what, self.status, self.text());
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: no JSON ({error}): {}", self.what, self.text()))
    }

    /// A string of the JSON body, by JSON pointer.
    #[track_caller]
    pub fn string(&self, pointer: &str) -> String {
        let body = self.json();
        let found = body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("{}: no string at {pointer} in {body}", self.what)).to_owned()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A command's exit status and output.
pub fn shown(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{out}{err}", output.status)
}
