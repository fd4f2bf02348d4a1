//! A small Glance with its Keystone: it has the images that the test gives it, and fails as the test says.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use openssl::hash::{MessageDigest, hash};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::keystone::fake::{header, request};

/// The admin's password.
pub const PASSWORD: &str = "adminpw";
/// Images of a page, however many are asked for.
const PAGE: usize = 3;

/// The way in which one answer with a file fails.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The connection ends after so many bytes.
    Breaks(usize),
    /// Nothing comes after so many bytes.
    Holds(usize),
    /// The answer is this status.
    Answers(u16),
    /// The whole file comes, whichever part was asked for.
    KnowsNoRanges,
}

/// The small Glance. It ends with the test.
pub struct Glance {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// How many answers are held.
    held: watch::Receiver<usize>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    images: Vec<Kept>,
    faults: HashMap<String, VecDeque<Fault>>,
    /// The file of an image, and the byte from which on it was asked for.
    asked: Vec<(String, usize)>,
    sign_ins: usize,
}

struct Kept {
    record: Value,
    bytes: Vec<u8>,
    members: Value,
}

impl Glance {
    /// Starts it on a free port.
    pub async fn start() -> Glance {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("an address");
        let state: Arc<Mutex<State>> = Arc::default();
        let (holds, held) = watch::channel(0);
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            // The connections end with their listener.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(converse(stream, address, shared.clone(), holds.clone()));
            }
        });
        Glance { address, state, held, serving }
    }

    /// Its address, and its Keystone's.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The variables of a client that signs in.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("OS_AUTH_URL", format!("{}/v3", self.url())),
            ("OS_USERNAME", "admin".into()),
            ("OS_PASSWORD", PASSWORD.into()),
            ("OS_PROJECT_NAME", "admin".into()),
        ]
    }

    /// Keeps a raw image with these bytes; `more` is laid over its record.
    pub fn image(&self, name: &str, bytes: &[u8], more: Value) -> String {
        let id = self.without_bytes(name, "queued");
        self.fill(&id, bytes);
        self.change(&id, more);
        id
    }

    /// Keeps an image without bytes, in this status.
    pub fn without_bytes(&self, name: &str, status: &str) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        let mut state = self.state();
        // Each is a second younger than the one before it.
        let second = state.images.len();
        let record = json!({
            "id": id, "name": name, "status": status, "visibility": "shared", "owner": "web", "os_hidden": false,
            "protected": false, "disk_format": "raw", "container_format": "bare", "min_disk": 0, "min_ram": 0,
            "size": null, "virtual_size": null, "checksum": null, "os_hash_algo": null, "os_hash_value": null,
            "tags": [], "created_at": format!("2020-01-01T00:00:{second:02}Z"), "updated_at": "2020-01-02T00:00:00Z",
            "self": format!("/v2/images/{id}"), "file": format!("/v2/images/{id}/file"), "schema": "/v2/schemas/image",
        });
        state.images.push(Kept { record, bytes: Vec::new(), members: json!([]) });
        id
    }

    /// Gives an image its bytes.
    pub fn fill(&self, id: &str, bytes: &[u8]) {
        self.change(
            id,
            json!({
                "status": "active", "size": bytes.len(), "checksum": hex(MessageDigest::md5(), bytes),
                "os_hash_algo": "sha512", "os_hash_value": hex(MessageDigest::sha512(), bytes),
            }),
        );
        self.with(id, |kept| kept.bytes = bytes.to_vec());
    }

    /// Changes an image's record.
    pub fn change(&self, id: &str, more: Value) {
        self.with(id, |kept| {
            for (name, value) in more.as_object().expect("an object") {
                kept.record[name] = value.clone();
            }
        });
    }

    fn with(&self, id: &str, change: impl FnOnce(&mut Kept)) {
        change(self.state().images.iter_mut().find(|kept| kept.record["id"] == id).expect("an image"));
    }

    /// Shares an image with these projects, each with its answer.
    pub fn share(&self, id: &str, members: &[(&str, &str)]) {
        let members: Vec<_> = members.iter().map(|(id, status)| json!({"member_id": id, "status": status})).collect();
        self.with(id, |kept| kept.members = json!(members));
    }

    /// Deletes an image.
    pub fn delete(&self, id: &str) {
        self.state().images.retain(|kept| kept.record["id"] != id);
    }

    /// Its next answers with an image's file fail so, one after the other.
    pub fn fails(&self, id: &str, faults: &[Fault]) {
        self.state().faults.insert(id.to_owned(), faults.iter().copied().collect());
    }

    /// The bytes from which on an image's file was asked for.
    pub fn asked(&self, id: &str) -> Vec<usize> {
        self.state().asked.iter().filter(|(asked, _)| asked == id).map(|(_, from)| *from).collect()
    }

    /// Waits until so many answers are held.
    pub async fn holds(&mut self, count: usize) {
        self.held.wait_for(|held| *held >= count).await.expect("it serves");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }
}

impl Drop for Glance {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn hex(kind: MessageDigest, bytes: &[u8]) -> String {
    hash(kind, bytes).expect("a hash").iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers the requests of one connection.
async fn converse(mut stream: TcpStream, address: SocketAddr, state: Arc<Mutex<State>>, holds: watch::Sender<usize>) {
    while let Some((head, body)) = request(&mut stream).await {
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers: HashMap<String, String> = head.lines().skip(1).filter_map(header).collect();
        let id = path.strip_prefix("/v2/images/").and_then(|rest| rest.strip_suffix("/file"));
        let sent = match id {
            Some(id) => send_file(&mut stream, id, &headers, &state, &holds).await,
            None => {
                let (status, extra, body) =
                    answer(&mut state.lock().expect("no panic"), address, method, path, &headers, &body);
                let body = body.to_string();
                let head = format!("HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\n{extra}\r\n", body.len());
                stream.write_all((head + &body).as_bytes()).await.is_ok()
            }
        };
        if !sent {
            return;
        }
    }
}

/// Sends a file or a part of it; false when the connection is to end.
async fn send_file(
    stream: &mut TcpStream,
    id: &str,
    headers: &HashMap<String, String>,
    state: &Mutex<State>,
    holds: &watch::Sender<usize>,
) -> bool {
    let range = headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let from: usize = range.unwrap_or_default();
    let (bytes, fault) = {
        let mut state = state.lock().expect("no panic");
        state.asked.push((id.to_owned(), from));
        let fault = state.faults.get_mut(id).and_then(VecDeque::pop_front);
        let kept = state.images.iter().find(|kept| kept.record["id"] == id);
        (kept.map(|kept| kept.bytes.clone()).unwrap_or_default(), fault)
    };
    let (status, from) = match (fault, range) {
        (Some(Fault::Answers(status)), _) => {
            let head = format!("HTTP/1.1 {status} Answer\r\nContent-Length: 0\r\n\r\n");
            return stream.write_all(head.as_bytes()).await.is_ok();
        }
        (Some(Fault::KnowsNoRanges), _) | (_, None) => (200, 0),
        (_, Some(_)) => (206, from),
    };
    let whole = bytes.len();
    let part = &bytes[from..];
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{whole}\r\n\r\n",
        part.len(),
        whole.saturating_sub(1)
    );
    let sent = match fault {
        Some(Fault::Breaks(after) | Fault::Holds(after)) => &part[..after],
        _ => part,
    };
    if stream.write_all(head.as_bytes()).await.is_err() || stream.write_all(sent).await.is_err() {
        return false;
    }
    if let Some(Fault::Holds(_)) = fault {
        holds.send_modify(|held| *held += 1);
        std::future::pending::<()>().await;
    }
    !matches!(fault, Some(Fault::Breaks(_)))
}

/// An answer with JSON: its status, further lines of its head, its body.
fn answer(
    state: &mut State,
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &HashMap<String, String>,
    body: &[u8],
) -> (u16, String, Value) {
    let none = |status| (status, String::new(), json!({}));
    if (method, path) == ("POST", "/v3/auth/tokens") {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        if body["auth"]["identity"]["password"]["user"]["password"] != PASSWORD {
            return none(401);
        }
        state.sign_ins += 1;
        let url = format!("http://{address}");
        let endpoints = json!([{"interface": "public", "region_id": "One", "url": url}]);
        let catalog = json!([{"type": "image", "endpoints": endpoints}]);
        let token = format!("X-Subject-Token: admin-{}\r\n", state.sign_ins);
        return (201, token, json!({"token": {"catalog": catalog}}));
    }
    let bearer = headers.get("x-auth-token").map(String::as_str).unwrap_or_default();
    if bearer != format!("admin-{}", state.sign_ins) && bearer != "member" {
        return none(401);
    }
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    let parameter = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    if place == "/v2/tasks" {
        return none(if bearer == "member" { 403 } else { 200 });
    }
    if place == "/v2/images" {
        let is_hidden = parameter("os_hidden") == Some("true");
        let listed: Vec<&Value> =
            state.images.iter().map(|kept| &kept.record).filter(|record| record["os_hidden"] == is_hidden).collect();
        let after = parameter("marker").and_then(|id| listed.iter().position(|record| record["id"] == id));
        let rest = &listed[after.map_or(0, |at| at + 1)..];
        let page = &rest[..rest.len().min(PAGE)];
        let mut body = json!({"images": page});
        if rest.len() > PAGE {
            body["next"] = json!("/v2/images?marker=…");
        }
        return (200, String::new(), body);
    }
    let rest = place.strip_prefix("/v2/images/").unwrap_or_default();
    let (id, part) = rest.split_once('/').unwrap_or((rest, ""));
    match state.images.iter().find(|kept| kept.record["id"] == id) {
        Some(kept) if part.is_empty() => (200, String::new(), kept.record.clone()),
        Some(kept) if kept.record["visibility"] == "shared" => (200, String::new(), json!({"members": kept.members})),
        Some(_) => none(403),
        None => none(404),
    }
}
