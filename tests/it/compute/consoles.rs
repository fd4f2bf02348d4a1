//! Remote consoles: the address, the token, the WebSocket.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, handshake::client::Request},
};

use super::{at, post_at};
use crate::support::{Effigy, Person, id_of, micro_disk};

async fn running(effigy: &Effigy) -> (Person, String) {
    let alice = effigy.people().await.alice;
    let image = alice.save_image("micro", "raw", micro_disk("console", 1 << 20)).await;
    let id = alice.launched("one", &image).await;
    (alice, id)
}

async fn console(person: &Person, id: &str, protocol: &str, kind: &str) -> String {
    let body = json!({"remote_console": {"protocol": protocol, "type": kind}});
    let answer = post_at("2.6", person, &format!("/servers/{id}/remote-consoles"), body).await.expect(200);
    answer.string("/remote_console/url")
}

fn socket(url: &str, origin: Option<&str>, protocol: Option<&str>) -> Request {
    let mut request = url.replacen("http://", "ws://", 1).into_client_request().expect("a request");
    for (name, value) in [("origin", origin), ("sec-websocket-protocol", protocol)] {
        if let Some(value) = value {
            request.headers_mut().insert(name, value.parse().expect("a header"));
        }
    }
    request
}

async fn refused(request: Request) -> u16 {
    match connect_async(request).await {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn serial_console_is_a_plain_websocket_both_ways() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let (alice, id) = running(&effigy).await;
    alice.console_says(&id, "console").await;
    let url = console(&alice, &id, "serial", "serial").await;
    assert!(url.starts_with("ws://"), "{url}");
    let (mut line, _) = connect_async(socket(&url, None, None)).await.expect("the serial line");
    // `r` reboots the micro guest, which greets again.
    line.send(Message::text("r")).await.expect("type");
    let mut heard = Vec::new();
    tokio::time::timeout(Duration::from_secs(60), async {
        while !String::from_utf8_lossy(&heard).contains("console") {
            match line.next().await.expect("more").expect("a message") {
                Message::Binary(bytes) => heard.extend_from_slice(&bytes),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    })
    .await
    .expect("the guest greets on the line");
    alice.get(&format!("/compute/v2.1/servers/{id}")).await.expect(200);
    // The line ends with the instance.
    at("2.1", &alice, reqwest::Method::DELETE, &format!("/servers/{id}"), None).await.expect(204);
    let ended = async { while let Some(Ok(_)) = line.next().await {} };
    tokio::time::timeout(Duration::from_secs(60), ended).await.expect("the line ends");
    let gone = refused(socket(&url, None, None)).await;
    assert!((400..500).contains(&gone), "{gone}");
}

#[tokio::test]
async fn screen_speaks_vnc_in_the_binary_subprotocol() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let (alice, id) = running(&effigy).await;
    let url = console(&alice, &id, "vnc", "novnc").await;
    let (mut screen, answer) = connect_async(socket(&url, None, Some("binary"))).await.expect("the screen");
    assert_eq!(answer.headers()["sec-websocket-protocol"], "binary");
    let greeting = tokio::time::timeout(Duration::from_secs(30), screen.next()).await.expect("a greeting");
    assert!(greeting.unwrap().unwrap().into_data().starts_with(b"RFB 003."));
}

#[tokio::test]
async fn browser_that_opens_the_address_is_told_how_to_connect() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let page = effigy.stranger().get("/console/vnc?token=%3Cscript%3E").await.expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.text().contains("WebSocket") && !page.text().contains("script"));
    let page = effigy.stranger().get("/console/serial?token=abc").await.expect(200);
    assert!(page.text().contains("WebSocket"));
}

#[tokio::test]
async fn address_of_a_screen_opens_it_in_a_browser() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    effigy::tls::provide();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = browser.get(effigy.at("/console/vnc?token=a-B_9")).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], format!("{}#token=a-B_9", effigy.at("/screen")));
    assert_eq!(
        (&answer.headers()["cache-control"], &answer.headers()["referrer-policy"]),
        (&"no-store".parse().unwrap(), &"no-referrer".parse().unwrap())
    );
    let page = browser.get(effigy.at("/screen")).send().await.unwrap();
    assert!(page.status() == 200 && page.text().await.unwrap().contains("<script"));
}

#[tokio::test]
async fn wrong_token_and_foreign_page_are_refused() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let (alice, id) = running(&effigy).await;
    let url = console(&alice, &id, "serial", "serial").await;
    let wrong = effigy.at("/console/serial?token=wrong");
    for bad in [wrong, effigy.at("/console/serial")] {
        let status = refused(socket(&bad, None, None)).await;
        assert!([401, 403, 404].contains(&status), "{bad}: {status}");
    }
    assert_eq!(refused(socket(&url, Some("https://evil.example"), None)).await, 403);
    assert_eq!(refused(socket(&url, Some("null"), None)).await, 403);
    connect_async(socket(&url, Some(effigy.url()), None)).await.expect("our own page");
}

#[tokio::test]
async fn unknown_kind_of_console_is_refused() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let (alice, id) = running(&effigy).await;
    let path = format!("/servers/{id}/remote-consoles");
    let ask = |protocol: &str, kind: &str| json!({"remote_console": {"protocol": protocol, "type": kind}});
    post_at("2.5", &alice, &path, ask("vnc", "novnc")).await.expect(404);
    for (protocol, kind) in [("spice", "spice-html5"), ("rdp", "rdp-html5"), ("vnc", "serial"), ("", "")] {
        post_at("2.6", &alice, &path, ask(protocol, kind)).await.expect(400);
    }
    let action = format!("/servers/{id}/action");
    let old = post_at("2.1", &alice, &action, json!({"os-getVNCConsole": {"type": "novnc"}})).await.expect(200);
    assert!(old.string("/console/url").contains("/console/vnc?token="));
    // The power button is heard only by a guest that has come up.
    alice.console_says(&id, "console").await;
    alice.stop(&id).await;
    post_at("2.6", &alice, &path, ask("vnc", "novnc")).await.expect(409);
}

#[tokio::test]
async fn console_ends_with_the_right_to_it() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let (alice, id) = running(&effigy).await;
    let admin = effigy.admin().await;
    let (serial, screen) = (console(&alice, &id, "serial", "serial").await, console(&alice, &id, "vnc", "novnc").await);
    let (mut line, _) = connect_async(socket(&serial, None, None)).await.expect("the serial line");
    let (mut picture, _) = connect_async(socket(&screen, None, Some("binary"))).await.expect("the screen");

    let user = id_of(&admin, "users", "alice").await;
    admin.patch(&format!("/identity/v3/users/{user}"), json!({"user": {"enabled": false}})).await.expect(200);

    let both_end = async {
        while let Some(Ok(_)) = line.next().await {}
        while let Some(Ok(_)) = picture.next().await {}
    };
    tokio::time::timeout(Duration::from_secs(60), both_end).await.expect("both consoles end");
    for url in [&serial, &screen] {
        assert_eq!(refused(socket(url, None, None)).await, 401, "{url}");
    }
}
