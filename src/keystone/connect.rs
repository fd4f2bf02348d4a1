//! Connections to a host that the operator named, kept and used again.
//!
//! Nothing follows a redirect, reads a proxy's address or unpacks a body here. The host may be in a private network: no
//! client has named it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{self, HeaderMap, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

use crate::tls;

/// The largest head of an answer.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Connections that are kept while nobody uses them: as many as there are questions at once. Each change leaves one behind, and
/// only questions take them.
const MOST_IDLE: usize = 32;

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl Stream for TcpStream {}
impl Stream for tokio_rustls::client::TlsStream<TcpStream> {}

type Sender = SendRequest<Full<Bytes>>;

/// The host, and the connections to it that nobody uses now.
pub struct Host {
    name: String,
    port: u16,
    authority: HeaderValue,
    /// The path in front of the version.
    prefix: String,
    tls: Option<TlsConnector>,
    max_answer_bytes: usize,
    idle: Mutex<Vec<Sender>>,
}

/// A whole answer.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Host {
    /// The host of an address, which may end with `version` (such as `/v3`); `named` is the address's name for the operator.
    /// Its certificates are those of `trust`, or those that the system trusts.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(
        url: &str,
        version: &str,
        named: &str,
        trust: Option<Arc<ClientConfig>>,
        max_answer_bytes: usize,
    ) -> anyhow::Result<Host> {
        let bad = || format!("{named} is not an http or https address: {url}");
        let uri: Uri = url.trim_end_matches('/').parse().with_context(bad)?;
        let authority = uri.authority().with_context(bad)?;
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => Some(trust.unwrap_or_else(tls::of_the_system)),
            _ => anyhow::bail!(bad()),
        };
        // A password in an address would be in every log.
        anyhow::ensure!(!authority.as_str().contains('@') && uri.query().is_none(), bad());
        let path = uri.path().trim_end_matches('/');
        Ok(Host {
            name: uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 }),
            authority: HeaderValue::from_str(authority.as_str()).with_context(bad)?,
            prefix: path.strip_suffix(version).unwrap_or(path).to_owned(),
            tls: tls.map(TlsConnector::from),
            max_answer_bytes,
            idle: Mutex::default(),
        })
    }

    /// Sends a request for a path that begins with the version. The host may close a connection that nobody uses; a
    /// question that meets this is sent once more. A change is sent over a new connection: of one that broke off nobody
    /// knows whether it was done, and it must not be done twice.
    pub async fn send(&self, path: &str, request: Request<Full<Bytes>>) -> anyhow::Result<Reply> {
        let mut request = self.addressed(path, request)?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if request.method().is_safe()
            && let Some(sender) = self.idle_one()
            && let Ok(answer) = self.exchange(sender, request.clone()).await
        {
            return Ok(answer);
        }
        self.exchange(self.connect().await?, request).await
    }

    /// Sends a request over a connection of its own, for an answer that is read as it comes.
    pub async fn open(&self, path: &str, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        let request = self.addressed(path, request)?;
        Ok(self.connect().await?.send_request(request).await?)
    }

    fn addressed(&self, path: &str, mut request: Request<Full<Bytes>>) -> anyhow::Result<Request<Full<Bytes>>> {
        *request.uri_mut() = format!("{}{path}", self.prefix).parse()?;
        let agent = HeaderValue::from_static(concat!("effigy/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::HOST, self.authority.clone());
        request.headers_mut().insert(header::USER_AGENT, agent);
        Ok(request)
    }

    async fn exchange(&self, mut sender: Sender, request: Request<Full<Bytes>>) -> anyhow::Result<Reply> {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, self.max_answer_bytes).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("its answer broke off: {error}"))?.to_bytes();
        if sender.ready().await.is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|sender| !sender.is_closed());
            if idle.len() < MOST_IDLE {
                idle.push(sender);
            }
        }
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    /// A connection that is open as far as is known.
    fn idle_one(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        idle.pop()
    }

    async fn connect(&self) -> anyhow::Result<Sender> {
        let tcp = TcpStream::connect((self.name.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        let stream: Pin<Box<dyn Stream>> = match &self.tls {
            None => Box::pin(tcp),
            Some(tls) => Box::pin(tls.connect(ServerName::try_from(self.name.clone())?, tcp).await?),
        };
        let mut builder = http1::Builder::new();
        let (sender, connection) = builder.max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
        // It ends when its sender is dropped, or the host closes it; whoever sends learns of errors.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// A secret as a header that no log shows.
pub fn secret(text: &str) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn changes_leave_only_so_many_connections_behind() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                open.push(stream);
            }
        });
        let host = Host::new(&url, "/v1", "the address", None, 1000).unwrap();
        for _ in 0..MOST_IDLE + 5 {
            let mut request = Request::new(Full::new(Bytes::new()));
            *request.method_mut() = hyper::Method::POST;
            assert_eq!(host.send("/v1/changes", request).await.unwrap().status, StatusCode::OK);
        }
        assert_eq!(host.idle.lock().unwrap().len(), MOST_IDLE);
    }
}
