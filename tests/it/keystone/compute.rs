//! The cloud's own Compute service at this service's address: for the console's session, and within its bounds.

use std::io::{Read as _, Write as _};

use reqwest::Method;
use serde_json::json;

use super::{
    both,
    console::{Browser, at_console},
    long,
    nova::Nova,
    person,
};
use crate::support::Answer;

const SERVERS: &str = "/compute/v2.1/servers/detail?limit=50&name=a%20b";

async fn get(browser: &Browser<'_>, path: &str) -> Answer {
    Answer::of(browser.request(Method::GET, path).header("OpenStack-API-Version", "compute 2.96")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_goes_on_with_the_sessions_token_and_nothing_of_its_own_but_path_and_body() {
    let ((effigy, fake), nova) = (both("").await, Nova::start().await);
    let browser = at_console(&effigy, &fake, &nova).await;
    let session = get(&browser, "/session").await.expect(200).json();
    assert_eq!([&session["runs_instances"], &session["of_cloud"]], [&json!(true), &json!(true)], "{session}");
    nova.says(200, r#"{"servers": []}"#);
    let request = browser.request(Method::GET, SERVERS).header("OpenStack-API-Version", "compute 2.96");
    let request =
        request.header("X-Roles", "admin").header("X-Project-Id", "other").header("X-Forwarded-For", "10.0.0.1");
    let request =
        request.header("Connection", "X-Auth-Token").header("Accept-Encoding", "gzip").header("TE", "trailers");
    let answer = Answer::of(request).await.expect(200);
    assert_eq!(answer.text(), r#"{"servers": []}"#);
    let (head, _) = nova.sent().pop().expect("a request");
    assert!(head.starts_with("GET /v2.1/servers/detail?limit=50&name=a%20b HTTP/1.1\r\n"), "{head}");
    let mut names: Vec<_> =
        head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0.to_lowercase())).collect();
    names.sort();
    let known = [
        "accept",
        "content-type",
        "host",
        "openstack-api-version",
        "user-agent",
        "x-auth-token",
        "x-openstack-request-id",
    ];
    names.retain(|name| name != "content-length");
    assert_eq!(names, known, "{head}");
    assert!(head.contains("x-auth-token: gAAAA-alice-0"), "{head}");
    assert!(head.contains("compute 2.93"), "the newest of both: {head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_whose_answers_are_not_believed_for_long_has_its_instances_too() {
    let ((effigy, fake), nova) = (both("cache_seconds = 0").await, Nova::start().await);
    let browser = at_console(&effigy, &fake, &nova).await;
    assert_eq!(get(&browser, "/session").await.expect(200).json()["of_cloud"], true);
    get(&browser, SERVERS).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_urls_of_the_consoles_pages_lead_on() {
    let ((effigy, fake), nova) = (both("").await, Nova::start().await);
    let mut browser = at_console(&effigy, &fake, &nova).await;
    let id = "0a1b";
    for (method, path) in [
        (Method::GET, "/compute/v2.1/os-hypervisors".to_owned()),
        (Method::GET, "/compute/v2.1/limits".into()),
        (Method::POST, "/compute/v2.1/flavors".into()),
        (Method::DELETE, "/compute/v2.1/flavors/detail".into()),
        (Method::PATCH, format!("/compute/v2.1/servers/{id}")),
        (Method::GET, format!("/compute/v2.1/servers/{id}/os-volume_attachments")),
        (Method::GET, "/compute/v2.1/servers/..".into()),
        (Method::GET, "/compute/v2.1/servers/%2e%2e".into()),
        (Method::GET, "/compute/v2.1/servers/a%2fb".into()),
        (Method::GET, "/compute/v2.1/servers/a%5cb".into()),
        (Method::GET, "/compute/v2.1/servers/a%252fb".into()),
        (Method::GET, "/compute/v2.1/servers/a%0d%0aX-Evil:1".into()),
        (Method::GET, "/compute/http://127.0.0.1:1/v2.1/servers/detail".into()),
        (Method::GET, "/network/v2.0/ports".into()),
        (Method::GET, "/volume/v3/volumes".into()),
    ] {
        let answer = Answer::of(browser.request(method.clone(), &path)).await;
        assert!([404, 405].contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
    }
    for body in [json!({"migrate": null}), json!({"os-start": null, "os-stop": null}), json!([]), json!({})] {
        browser.ask(Method::POST, &format!("/compute/v2.1/servers/{id}/action"), body).await.expect(400);
    }
    get(&browser, &format!("{SERVERS}&name={}", "x".repeat(2048))).await.expect(400);
    assert_eq!(nova.sent(), [], "it was asked");
    browser
        .ask(Method::POST, &format!("/compute/v2.1/servers/{id}/action"), json!({"os-start": null}))
        .await
        .expect(200);
    let key = browser.request(Method::DELETE, "/compute/v2.1/os-keypairs/my%20key%3Fa=b");
    Answer::of(key).await.expect(200);
    let heads: Vec<_> = nova.sent().iter().map(|(head, _)| head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        heads,
        ["POST /v2.1/servers/0a1b/action HTTP/1.1", "DELETE /v2.1/os-keypairs/my%20key%3Fa%3Db HTTP/1.1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_addresses_connect_and_upgrades_reach_nothing() {
    let ((effigy, fake), nova) = (both("").await, Nova::start().await);
    let browser = at_console(&effigy, &fake, &nova).await;
    let host = effigy.url().trim_start_matches("http://").to_owned();
    let cookie = browser.request(Method::GET, "/").build().unwrap().headers()["cookie"].to_str().unwrap().to_owned();
    let other = Nova::start().await;
    for line in [
        format!("GET {}/servers/detail HTTP/1.1", other.url()),
        format!("CONNECT {} HTTP/1.1", other.url().trim_start_matches("http://").trim_end_matches("/v2.1")),
        "GET //evil.example/v2.1/servers HTTP/1.1".into(),
        "GET /compute/v2.1/servers/.. HTTP/1.1".into(),
    ] {
        let status = raw(&host, &format!("{line}\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"));
        assert!(status.starts_with("HTTP/1.1 4"), "{line}: {status}");
    }
    // Two lengths, or a length and pieces: where one request ends would be a matter of opinion.
    for lengths in ["Content-Length: 4\r\nContent-Length: 5", "Content-Length: 4\r\nTransfer-Encoding: chunked, x"] {
        let head =
            format!("POST /compute/v2.1/servers HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}");
        let status = raw(&host, &format!("{head}\r\n{lengths}\r\nConnection: close\r\n\r\nnull"));
        assert!(status.starts_with("HTTP/1.1 4"), "{lengths}: {status}");
    }
    assert_eq!((nova.sent(), other.sent()), (vec![], vec![]));
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket";
    raw(
        &host,
        &format!(
            "GET {SERVERS} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{upgrade}\r\nConnection: close\r\n\r\n"
        ),
    );
    assert!(nova.sent().iter().all(|(head, _)| !head.to_lowercase().contains("upgrade")), "{:?}", nova.sent());
}

/// The first line of the answer to these bytes.
fn raw(host: &str, bytes: &str) -> String {
    let mut stream = std::net::TcpStream::connect(host).expect("connect");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a limit");
    stream.write_all(bytes.as_bytes()).expect("send");
    let mut answer = [0; 12];
    let _ = stream.read_exact(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_answer_only_its_status_and_its_json_come_back() {
    let ((effigy, fake), nova) = (both("").await, Nova::start().await);
    let browser = at_console(&effigy, &fake, &nova).await;
    let other = Nova::start().await;
    nova.answers(format!("HTTP/1.1 302 Found\r\nLocation: {}/x\r\nContent-Length: 0\r\n\r\n", other.url()));
    let refused = get(&browser, SERVERS).await.expect(503);
    assert!(refused.text().contains("Compute service is out of reach") && refused.header("location").is_none());
    assert_eq!(other.sent(), [], "the redirect was followed");
    nova.answers("HTTP/1.1 200 OK\r\nSet-Cookie: effigy-80=x\r\nX-Evil: 1\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}");
    let plain = get(&browser, SERVERS).await.expect(200);
    assert!(plain.header("set-cookie").is_none() && plain.header("x-evil").is_none());
    assert_eq!(plain.header("content-type"), Some("application/json"));
    nova.says(200, "<html>");
    get(&browser, SERVERS).await.expect(503);
    nova.says(502, "{}");
    get(&browser, SERVERS).await.expect(503);
    nova.says(409, r#"{"conflictingRequest": {"code": 409, "message": "it is locked"}}"#);
    assert!(get(&browser, SERVERS).await.expect(409).text().contains("it is locked"));
    nova.says(404, "<html>not here</html>");
    assert!(get(&browser, SERVERS).await.expect(404).text().contains("itemNotFound"));
    nova.answers(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 9 << 20).into_bytes());
    get(&browser, SERVERS).await.expect(503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_ended_there_is_asked_about_again() {
    let ((effigy, fake), nova) = (both("cache_seconds = 3600").await, Nova::start().await);
    let browser = at_console(&effigy, &fake, &nova).await;
    fake.end("gAAAA-alice-0", None);
    get(&browser, "/session").await.expect(200);
    nova.says(401, "{}");
    get(&browser, SERVERS).await.expect(401);
    get(&browser, "/session").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_sent_once_and_recorded_and_comes_from_the_consoles_pages() {
    let ((effigy, fake), nova) = (both("").await, Nova::start().await);
    let mut browser = at_console(&effigy, &fake, &nova).await;
    let server = json!({"server": {"name": "a"}});
    get(&browser, SERVERS).await.expect(200);
    // It takes the request, and the connection breaks off: a question is asked again, a change is not.
    nova.answers(Vec::new());
    get(&browser, SERVERS).await.expect(200);
    nova.answers(Vec::new());
    browser.ask(Method::POST, "/compute/v2.1/servers", server.clone()).await.expect(503);
    nova.says(202, r#"{"server": {"id": "s1"}}"#);
    browser.ask(Method::POST, "/compute/v2.1/servers", server.clone()).await.expect(202);
    let (head, body) = nova.sent().pop().expect("a request");
    assert!(head.starts_with("POST /v2.1/servers HTTP/1.1"), "{head}");
    assert_eq!(body, server.to_string());
    let cookie = browser.request(Method::GET, "/").build().unwrap().headers()["cookie"].clone();
    for origin in [None, Some("https://evil.example")] {
        let request = effigy.stranger().request(Method::POST, "/compute/v2.1/servers").header("Cookie", cookie.clone());
        let request = origin.into_iter().fold(request, |request, origin| request.header("Origin", origin));
        Answer::of(request.json(&server)).await.expect(403);
    }
    let large = "x".repeat((1 << 20) + 1);
    browser.ask(Method::POST, "/compute/v2.1/servers", json!({"server": large})).await.expect(413);
    let broken = browser.request(Method::POST, "/compute/v2.1/servers").body("{");
    Answer::of(broken).await.expect(400);
    let posts = nova.sent().iter().filter(|(head, _)| head.starts_with("POST")).count();
    assert_eq!(posts, 2);
    let admin = person(&effigy, &fake.token("root", "ops", "admin"));
    let query = format!("/effigy/v1/audit?user_id={}&action=instance.create&outcome=success", long("alice"));
    let events = admin.get(&query).await.expect(200).json();
    assert_eq!(events["events"][0]["target_id"], "s1", "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_and_strangers_are_not_led_on() {
    let ((effigy, fake), nova) = (both("").await, Nova::start().await);
    let browser = at_console(&effigy, &fake, &nova).await;
    effigy.stranger().get(SERVERS).await.expect(401);
    let told = person(&effigy, &fake.token("bob", "web", "member")).get(SERVERS).await.expect(404);
    assert!(told.text().contains("runs no instances"), "{}", told.text());
    for header in ["X-Auth-Token", "X-Storage-Token", "X-Service-Token"] {
        let request = browser.request(Method::GET, SERVERS).header(header, "gAAAA-alice-0");
        Answer::of(request).await.expect(404);
    }
    assert_eq!(nova.sent(), []);
}
