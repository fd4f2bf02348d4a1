//! A small Compute service: it keeps what it was sent, and answers as it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpListener, task::JoinHandle};

use super::fake::request;

/// The newest microversion that it knows.
const NEWEST: u16 = 93;

/// The small Compute service. It ends with the test.
pub struct Nova {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Heads and bodies as they came.
    sent: Vec<(String, String)>,
    /// The next answers, whole; then it answers 200 and `{}`.
    answers: Vec<Vec<u8>>,
}

impl Nova {
    /// Starts it on a free port.
    pub async fn start() -> Nova {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<Mutex<State>>::default();
        let known = state.clone();
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let state = known.clone();
                connections.spawn(async move {
                    while let Some((head, body)) = request(&mut stream).await {
                        let answer = state.lock().expect("no panic").answer(head, &body);
                        if answer.is_empty() || stream.write_all(&answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Nova { address, state, serving }
    }

    /// Its address, as a catalog has it.
    pub fn url(&self) -> String {
        format!("http://{}/v2.1", self.address)
    }

    /// It answers the next request with these bytes; without any, the connection breaks off.
    pub fn answers(&self, answer: impl Into<Vec<u8>>) {
        self.state().answers.insert(0, answer.into());
    }

    /// It answers the next request with a status and a body.
    pub fn says(&self, status: u16, body: &str) {
        self.answers(said(status, body));
    }

    /// The requests that came, but for those for its version.
    pub fn sent(&self) -> Vec<(String, String)> {
        let sent = self.state().sent.clone();
        sent.into_iter().filter(|(head, _)| !head.starts_with("GET /v2.1/ ")).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }
}

impl Drop for Nova {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl State {
    fn answer(&mut self, head: String, body: &[u8]) -> Vec<u8> {
        let is_version = head.starts_with("GET /v2.1/ ");
        self.sent.push((head, String::from_utf8_lossy(body).into_owned()));
        if is_version {
            return said(200, &json!({"version": {"version": format!("2.{NEWEST}")}}).to_string());
        }
        self.answers.pop().unwrap_or_else(|| said(200, "{}"))
    }
}

fn said(status: u16, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
