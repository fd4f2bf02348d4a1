//! Consoles in a browser: a WebSocket that carries a guest's screen (VNC) or its serial line.
//!
//! The address, token and all, comes from the Compute API's `remote-consoles`. The token stands for one console of one
//! instance and for the caller who asked for it, whose right is judged when it opens and every second while it is open:
//! a console ends with the session, the role or the user that it rests on. QEMU's own sockets lie in the instance's
//! folder and have no password, so this is the only road to them.

use std::pin::pin;

use axum::{
    Router,
    body::Bytes,
    extract::{
        Query, State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::{Duration, Instant, interval_at},
};

use crate::{
    api::{Api, error::Answer, links::PublicUrl},
    error::Error,
    identity::{lasting::RightEnds, lines::Share},
    instances::{ConsoleKind, ConsoleToken, Ticket},
};

/// A piece of what the guest says, at most; a screen update comes in many.
const PIECE_BYTES: usize = 32 * 1024;
/// The largest message from a client; keys and pasted text are far smaller.
const MESSAGE_BYTES: usize = 1 << 20;
/// How often a silent client is asked whether it is still there; proxies drop what is silent for a minute.
const PING: Duration = Duration::from_secs(30);

/// Every URL below `/console`.
pub(in crate::api) fn routes() -> Router<Api> {
    Router::new().route("/vnc", get(open)).route("/serial", get(open))
}

/// The address of a console; everyone who has it can open the console.
pub(super) fn address(url: &str, token: &ConsoleToken) -> String {
    // A serial console's clients are programs that speak WebSocket; a screen is opened in a browser, whose page
    // connects to the same address.
    let socket = url.replacen("http", "ws", 1);
    match token.kind {
        ConsoleKind::Serial => format!("{socket}/console/serial?token={}", token.token),
        ConsoleKind::Vnc => format!("{url}/console/vnc?token={}", token.token),
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    token: String,
}

/// `GET /console/vnc`, `GET /console/serial`
async fn open(
    State(rooms): State<Api>,
    PublicUrl(url): PublicUrl,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let Ok(upgrade) = upgrade else { return Ok(as_a_page(&url, &uri, &asked.token)) };
    check_origin(&headers, &url)?;
    let ticket = rooms.instances.console_of(&asked.token)?;
    let caller = rooms.identity.again(&ticket.caller).await?;
    // Its place is for the opening; an open console has none.
    let place = rooms.lines.take(Share::of(&caller)).await?;
    let guest = rooms.instances.open_console(&caller, &ticket).await?;
    drop(place);
    tracing::debug!(kind = ?ticket.kind, "a console is opened");
    let carry = |client| carry(client, guest, closed(rooms, ticket));
    Ok(upgrade.protocols(["binary"]).max_message_size(MESSAGE_BYTES).on_upgrade(carry))
}

/// Ends when the caller may no longer have the console: with its session, too.
async fn closed(rooms: Api, ticket: Ticket) {
    let instance = ticket.instance;
    let ends = RightEnds::when(move || {
        let (rooms, ticket) = (rooms.clone(), ticket.clone());
        async move {
            let caller = rooms.identity.again(&ticket.caller).await?;
            rooms.instances.may_use_console(&caller, ticket.instance).await
        }
    });
    let error = ends.await;
    tracing::info!(%instance, "a console is closed: {error}");
}

/// A page of another site must not speak to a console with its visitor's browser.
fn check_origin(headers: &HeaderMap, url: &str) -> Result<(), Error> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let authority = |address: &str| address.split_once("://").map(|(_, rest)| rest.to_ascii_lowercase());
    let origin = origin.to_str().ok().and_then(authority);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_ascii_lowercase);
    if origin.is_some() && (origin == authority(url) || origin == host) {
        return Ok(());
    }
    Err(Error::Forbidden("A console is not opened from another site's page.".into()))
}

/// The answer to a browser that opens the address as a page: the console's own page for a screen, which gets the token
/// behind a `#`, so that it is in no log and no referrer.
fn as_a_page(url: &str, uri: &Uri, token: &str) -> Response {
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if uri.path().ends_with("/vnc") && is_token {
        let headers = [(header::CACHE_CONTROL, "no-store"), (header::REFERRER_POLICY, "no-referrer")];
        return (headers, Redirect::to(&format!("{url}/screen#token={token}"))).into_response();
    }
    how_to_connect()
}

/// It repeats nothing of the request.
fn how_to_connect() -> Response {
    let page = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Effigy: a guest's console</title>\n\
                <h1>A guest's console</h1>\n\
                <p>This address is a WebSocket. Open it with a WebSocket client, <code>ws://</code> instead of \
                <code>http://</code> (<code>wss://</code> instead of <code>https://</code>): it carries the bytes of \
                the serial line (<code>/console/serial</code>), or VNC for noVNC and its like \
                (<code>/console/vnc</code>). The token in it is good for a short while; ask for another with\n\
                <code>openstack console url show</code>.</p></html>\n";
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    (headers, Html(page)).into_response()
}

/// Carries bytes both ways until one side ends, or the right to do so does.
async fn carry(mut client: WebSocket, guest: UnixStream, closed: impl Future<Output = ()>) {
    let mut closed = pin!(closed);
    let (mut from_guest, mut to_guest) = guest.into_split();
    let mut ping = interval_at(Instant::now() + PING, PING);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        // Each branch only waits for one event; the writing comes after, so a branch that loses drops no byte.
        let goes_on = tokio::select! {
            said = from_guest.read(&mut piece) => says(&mut client, &piece, said).await,
            typed = client.recv() => types(&mut to_guest, typed).await,
            () = &mut closed => false,
            _ = ping.tick() => client.send(Message::Ping(Bytes::new())).await.is_ok(),
        };
        if !goes_on {
            break;
        }
    }
    end(client, from_guest, to_guest).await;
}

async fn says(client: &mut WebSocket, piece: &[u8], said: std::io::Result<usize>) -> bool {
    match said {
        Ok(0) | Err(_) => false,
        Ok(length) => client.send(Message::Binary(Bytes::copy_from_slice(&piece[..length]))).await.is_ok(),
    }
}

async fn types(guest: &mut OwnedWriteHalf, typed: Option<Result<Message, axum::Error>>) -> bool {
    match typed {
        Some(Ok(Message::Binary(bytes))) => guest.write_all(&bytes).await.is_ok(),
        Some(Ok(Message::Text(text))) => guest.write_all(text.as_bytes()).await.is_ok(),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
        Some(Ok(Message::Close(_)) | Err(_)) | None => false,
    }
}

async fn end(mut client: WebSocket, _from_guest: OwnedReadHalf, mut to_guest: OwnedWriteHalf) {
    // Either side may be gone already; there is nothing left to do about it.
    let _ = to_guest.shutdown().await;
    let _ = client.send(Message::Close(None)).await;
}
