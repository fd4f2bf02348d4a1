//! A small Keystone: it knows the tokens that the test gives it, and remembers what it was asked.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// The password of the service user.
const PASSWORD: &str = "effigypw";
/// A head that is longer is not answered: the connection is closed.
const MAX_HEAD: usize = 6000;

/// The way it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// Questions about tokens wait until it is well.
    Slow,
    /// It takes connections and says nothing.
    Silent,
    /// It answers 500.
    Broken,
}

/// The small Keystone. It ends with the test.
pub struct Fake {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    mood: watch::Sender<Mood>,
    tls: Option<TlsAcceptor>,
    serving: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    tokens: HashMap<String, Value>,
    events: Vec<Value>,
    projects: HashMap<String, Vec<String>>,
    catalog: Value,
    /// The proofs of people, as `auth.identity` has them, and the tokens that these make.
    proofs: Vec<(Value, String)>,
    /// Method, path and the token that a request was about.
    asked: Vec<(String, String, String)>,
    sign_ins: usize,
    connections: usize,
}

impl Fake {
    /// Starts it on a free port.
    pub async fn start() -> Fake {
        Fake::start_with(None).await
    }

    /// Starts it on a free port, behind TLS or not.
    pub async fn start_with(tls: Option<TlsAcceptor>) -> Fake {
        let mut fake = Fake {
            tls,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            state: Arc::default(),
            mood: watch::channel(Mood::Well).0,
            serving: None,
        };
        fake.serve().await;
        fake
    }

    /// Listens, where it did before.
    pub async fn serve(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("listen");
        self.address = listener.local_addr().expect("an address");
        let (state, mood, tls) = (self.state.clone(), self.mood.subscribe(), self.tls.clone());
        self.serving = Some(tokio::spawn(async move {
            // The connections end with their listener.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                state.lock().expect("no panic").connections += 1;
                let (state, mood, tls) = (state.clone(), mood.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => converse(stream, state, mood).await,
                        Some(tls) => {
                            // Else the client did not trust the certificate.
                            if let Ok(stream) = tls.accept(stream).await {
                                converse(stream, state, mood).await;
                            }
                        }
                    }
                });
            }
        }));
    }

    /// Ends every connection, and takes no more.
    pub async fn stop(&mut self) {
        let serving = self.serving.take().expect("it serves");
        serving.abort();
        let _ = serving.await;
    }

    /// Another mood.
    pub fn is(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// The settings of a service that asks it.
    pub fn settings(&self, more: &str) -> String {
        format!(
            "[identity]\nmode = \"keystone\"\n[instances]\nenabled = false\n[keystone]\nauth_url = \"{}\"\nusername = \"effigy\"\n\
             password = \"{PASSWORD}\"\n{more}\n",
            self.url()
        )
    }

    /// Its address.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/v3", self.address)
    }

    /// Makes a token of a user with a role in a project: each id is of LDAP's length.
    pub fn token(&self, user: &str, project: &str, role: &str) -> String {
        self.token_with(user, project, role, |_| ())
    }

    /// The same, with a change of its body.
    pub fn token_with(&self, user: &str, project: &str, role: &str, change: impl FnOnce(&mut Value)) -> String {
        let domain = json!({"id": "default", "name": "Default"});
        let mut body = json!({
            "methods": ["password"],
            "user": {"id": long(user), "name": user, "domain": domain},
            "project": {"id": long(project), "name": project, "domain": domain},
            "roles": [{"id": format!("role-{role}"), "name": role}],
            "audit_ids": [format!("audit-{user}")],
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2100-01-01T00:00:00.000000Z",
            "catalog": [{"type": "image", "name": "effigy", "endpoints": []}],
        });
        change(&mut body);
        let mut state = self.state();
        let token = format!("gAAAA-{user}-{}", state.tokens.len());
        state.projects.insert(token.clone(), vec![long(project)]);
        state.tokens.insert(token.clone(), body);
        token
    }

    /// Lets the user of a token work in a further project.
    pub fn may_also(&self, token: &str, project: &str) {
        self.state().projects.entry(token.to_owned()).or_default().push(long(project));
    }

    /// Ends a token. The revocation is told only with an event.
    pub fn end(&self, token: &str, event: Option<Value>) {
        let mut state = self.state();
        state.tokens.remove(token);
        state.events.extend(event);
    }

    /// Lets this proof make a token, which exists.
    pub fn takes(&self, proof: Value, token: &str) {
        self.state().proofs.push((proof, token.to_owned()));
    }

    /// Whether it knows a token.
    pub fn knows(&self, token: &str) -> bool {
        self.state().tokens.contains_key(token)
    }

    /// The requests with this method and path.
    pub fn asked(&self, method: &str, path: &str) -> usize {
        self.state().asked.iter().filter(|(of, at, _)| of == method && at == path).count()
    }

    /// The catalog of every token has an image service at this address, in the region `Other`.
    pub fn lists(&self, url: &str) {
        let endpoint =
            |interface: &str| json!({"interface": interface, "region_id": "Other", "region": "Other", "url": url});
        let endpoints = ["public", "internal"].map(endpoint);
        self.state().catalog =
            json!([{"type": "compute", "endpoints": endpoints}, {"type": "image", "endpoints": endpoints}]);
    }

    /// Lets the service user's token end.
    pub fn forget_service(&self) {
        self.state().sign_ins += 1;
    }

    /// How often it was asked about a token.
    pub fn asked_about(&self, token: &str) -> usize {
        self.state()
            .asked
            .iter()
            .filter(|(_, path, about)| path.starts_with("/v3/auth/tokens") && about == token)
            .count()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

impl State {
    /// The token that somebody's proof makes; of a token that is exchanged, one in the project that is asked for.
    fn proven(&mut self, auth: &Value) -> Option<String> {
        let identity = &auth["identity"];
        let made = self.proofs.iter().find(|(proof, _)| proof == identity).map(|(_, token)| token.clone());
        let Some(parent) = identity["token"]["id"].as_str() else { return made };
        let project = auth["scope"]["project"]["id"].as_str()?;
        let projects = self.projects.get(parent)?.clone();
        projects.iter().find(|id| *id == project)?;
        let mut body = self.tokens.get(parent)?.clone();
        body["project"]["id"] = json!(project);
        body["project"]["name"] = json!(project.trim_start_matches('0'));
        let token = format!("gAAAA-exchanged-{}", self.tokens.len());
        self.projects.insert(token.clone(), projects);
        self.tokens.insert(token.clone(), body);
        Some(token)
    }
}

/// An id of 64 characters.
pub fn long(name: &str) -> String {
    format!("{name:0>64}")
}

/// Answers the requests of one connection.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    state: Arc<Mutex<State>>,
    mut mood: watch::Receiver<Mood>,
) {
    while let Some((head, body)) = request(&mut stream).await {
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers: HashMap<String, String> = head.lines().skip(1).filter_map(header).collect();
        let about = headers.get("x-subject-token").cloned().unwrap_or_default();
        state.lock().expect("no panic").asked.push((method.to_owned(), path.to_owned(), about));
        let now = *mood.borrow();
        match now {
            Mood::Silent => std::future::pending().await,
            Mood::Slow if method == "GET" => drop(mood.wait_for(|mood| *mood == Mood::Well).await),
            Mood::Slow | Mood::Well | Mood::Broken => {}
        }
        let (status, extra, body) = match now {
            Mood::Broken => (500, String::new(), json!({})),
            _ => answer(&mut state.lock().expect("no panic"), method, path, &headers, &body),
        };
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\n{extra}\r\n", body.len());
        if stream.write_all((head + &body).as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next request's head and body.
pub async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        if head.len() > MAX_HEAD {
            return None;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().filter_map(header).find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().expect("a length"))];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// Name and value of a line of a head.
pub fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(": ")?;
    Some((name.to_lowercase(), value.to_owned()))
}

/// Keystone's answer: its status, further lines of its head, its body.
fn answer(
    state: &mut State,
    method: &str,
    path: &str,
    headers: &HashMap<String, String>,
    body: &[u8],
) -> (u16, String, Value) {
    let none = |status| (status, String::new(), json!({}));
    let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
    if (method, path) == ("POST", "/v3/auth/tokens") {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(made) = state.proven(&body["auth"]) {
            return (201, format!("X-Subject-Token: {made}\r\n"), json!({"token": state.tokens[&made]}));
        }
        if body["auth"]["identity"]["password"]["user"]["password"] != PASSWORD {
            return none(401);
        }
        state.sign_ins += 1;
        let token = format!("X-Subject-Token: service-{}\r\n", state.sign_ins);
        return (201, token, json!({"token": {"expires_at": "2100-01-01T00:00:00.000000Z"}}));
    }
    let bearer = header("x-auth-token");
    if path == "/v3/auth/projects" {
        let projects = state.projects.get(bearer).cloned().unwrap_or_default();
        let named = |id: String| json!({"id": id, "name": id.trim_start_matches('0')});
        let projects: Vec<_> = projects.into_iter().map(named).collect();
        return (
            if state.tokens.contains_key(bearer) { 200 } else { 401 },
            String::new(),
            json!({"projects": projects}),
        );
    }
    if (method, path) == ("DELETE", "/v3/auth/tokens") {
        return none(if state.tokens.remove(header("x-subject-token")).is_some() { 204 } else { 404 });
    }
    if path == "/v3/auth/catalog" && state.tokens.contains_key(bearer) {
        return (200, String::new(), json!({"catalog": state.catalog}));
    }
    if bearer != format!("service-{}", state.sign_ins) {
        return none(401);
    }
    if path.starts_with("/v3/OS-REVOKE/events?since=20") {
        return (200, String::new(), json!({"events": state.events}));
    }
    match state.tokens.get(header("x-subject-token")) {
        Some(token) if is_told(token, path, header("openstack-identity-access-rules")) => {
            (200, String::new(), json!({"token": token}))
        }
        _ => none(404),
    }
}

/// Whether Keystone tells of a token: of one whose time has passed only when that is asked for, of one with access rules only
/// to somebody who knows them.
fn is_told(token: &Value, path: &str, rules: &str) -> bool {
    let is_over = token["expires_at"].as_str().is_some_and(|time| time < "2026-06");
    let has_rules = token["application_credential"]["access_rules"].is_array();
    (!is_over || path.ends_with("?allow_expired=1")) && (!has_rules || rules == "1")
}
