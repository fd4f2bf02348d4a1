//! A server that images are fetched from: it answers what the test says, and remembers what it was asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The server's answer for a path.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A whole answer, head and body, byte for byte.
    Raw(Vec<u8>),
    /// The beginning of an answer; then nothing, until the test lets go.
    Held(Vec<u8>),
    /// A head, and a body without an end.
    Endless(Vec<u8>),
}

/// The server. It ends with the test.
pub struct Source {
    /// Where it listens.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    let_go: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Reply {
    /// A file.
    pub fn file(bytes: &[u8]) -> Reply {
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len()).into_bytes();
        answer.extend_from_slice(bytes);
        Reply::Raw(answer)
    }

    /// A redirect, with a cookie to remember.
    pub fn to(location: &str) -> Reply {
        let head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nSet-Cookie: track=1; Path=/\r\nLocation: ";
        Reply::Raw(format!("{head}{location}\r\n\r\n").into_bytes())
    }

    /// An answer without a body.
    pub fn status(line: &str) -> Reply {
        Reply::Raw(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n").into_bytes())
    }
}

impl Source {
    /// Starts a server on a free port of 127.0.0.1.
    pub async fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (let_go, held) = watch::channel(false);
        let (reply, seen) = (Arc::new(reply), asked.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (reply, seen, held) = (reply.clone(), seen.clone(), held.clone());
                tokio::spawn(async move { answer(stream, &*reply, &seen, held).await });
            }
        });
        Source { address, asked, let_go, task }
    }

    /// The address of a path.
    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The settings that let a service fetch from here; more of the section may follow.
    pub fn settings(&self) -> String {
        let port = self.address.port();
        format!("[import]\nallowed_hosts = [\"127.0.0.1\"]\nallowed_ports = [80, 443, {port}]\n")
    }

    /// The heads of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }

    /// Ends the answers that are held.
    pub fn let_go(&self) {
        let _ = self.let_go.send(true);
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    mut stream: TcpStream,
    reply: &(impl Fn(&str) -> Reply + Send + Sync),
    asked: &Mutex<Vec<String>>,
    mut held: watch::Receiver<bool>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    asked.lock().expect("no panic").push(head);
    match reply(&path) {
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
        }
        Reply::Held(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = held.wait_for(|go| *go).await;
        }
        Reply::Endless(bytes) => {
            let mut sent = stream.write_all(&bytes).await;
            while sent.is_ok() {
                sent = stream.write_all(&[0x5a; 65_536]).await;
            }
        }
    }
    let _ = stream.shutdown().await;
}
