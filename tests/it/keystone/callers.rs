//! Tokens of Keystone make callers, and nothing else does.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Effigy, Mood, both, long, person, status};
use crate::support::{Answer, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_64_characters_own_share_count_and_are_in_the_audit() {
    let (effigy, fake) = both("").await;
    let token = fake.token("alice", "web", "Member");
    fake.may_also(&token, "batch");
    let alice = person(&effigy, &token);
    let batch = person(&effigy, &fake.token("alice", "batch", "member"));
    let id = alice.save_image("golden", "raw", vec![7; 4096]).await;
    assert_eq!(alice.image(&id).await["owner"], long("web"));
    let usage = alice.get("/effigy/v1/usage").await.expect(200).json();
    assert_eq!(usage["usage"]["images"]["used"], 1, "{usage}");
    let members = format!("/image/v2/images/{id}/members");
    let member = alice.post(&members, json!({"member": long("batch")})).await.expect(200).json();
    assert_eq!([&member["member_id"], &member["status"]], [&json!(long("batch")), &json!("accepted")]);
    batch.download(&id).await.expect(200);
    // The project is somebody else's; that it exists is not told.
    alice.post(&members, json!({"member": long("strangers")})).await.expect(403);

    let admin = person(&effigy, &fake.token("root", "ops", "ADMIN"));
    let query = format!("/effigy/v1/audit?user_id={}&action=image.upload", long("alice"));
    let events = admin.get(&query).await.expect(200).json();
    let event = &events["events"][0];
    let names = ["user_name", "project_id", "project_name"].map(|name| event[name].clone());
    assert_eq!(names, [json!("alice"), json!(long("web")), json!("web")], "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_with_one_token_are_one_question() {
    let (effigy, fake) = both("cache_seconds = 3600").await;
    let token = fake.token("alice", "web", "member");
    fake.is(Mood::Slow);
    let requests: Vec<_> = (0..40)
        .map(|_| {
            let request = effigy.stranger().request(Method::GET, "/image/v2/images").header("X-Auth-Token", &token);
            tokio::spawn(Answer::of(request))
        })
        .collect();
    eventually("Keystone is asked", PATIENCE, async || (fake.asked_about(&token) > 0).then_some(())).await;
    fake.is(Mood::Well);
    for request in requests {
        request.await.expect("no panic").expect(200);
    }
    assert_eq!(fake.asked_about(&token), 1);
    assert_eq!(status(&effigy, &[("X-Auth-Token", &token)]).await, 200);
    assert_eq!(fake.asked_about(&token), 1, "the answer is believed");
    assert_eq!(fake.connections(), 1, "the connection is used again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_token_is_refused_once_it_is_over() {
    let (effigy, fake) = both("cache_seconds = 3600").await;
    let over = fake.token_with("alice", "web", "member", |token| token["expires_at"] = json!("2026-02-01T00:00:00.0Z"));
    let service = fake.token("nova", "service", "service");
    assert_eq!(status(&effigy, &[("X-Auth-Token", &over)]).await, 401);
    let served = [("X-Auth-Token", over.as_str()), ("X-Service-Token", service.as_str())];
    assert_eq!(status(&effigy, &served).await, 200);
    let asked = fake.asked_about(&over);
    assert_eq!(status(&effigy, &served).await, 200);
    assert_eq!(status(&effigy, &[("X-Auth-Token", &over)]).await, 401);
    assert_eq!(fake.asked_about(&over), asked, "it is remembered, and over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_forgotten_long_before_its_answer_is_too_old() {
    let (effigy, fake) = both("cache_seconds = 3600\nrevocation_poll_seconds = 1").await;
    let events = [
        json!({"user_id": long("a"), "issued_before": "2026-03-01T00:00:00.000000Z"}),
        json!({"project_id": long("b")}),
        json!({"audit_id": "audit-c"}),
        json!({"audit_chain_id": "audit-d", "expires_at": "2100-01-01T00:00:00.000000Z"}),
    ];
    let tokens = ["a", "b", "c", "d"].map(|name| fake.token(name, name, "member"));
    let other = fake.token("e", "e", "member");
    for token in tokens.iter().chain([&other]) {
        assert_eq!(status(&effigy, &[("X-Auth-Token", token)]).await, 200);
    }
    // Keystone knows this one no more either, and no event is of it: the domain is another, the time is before it.
    fake.end(&other, Some(json!({"domain_id": "lab"})));
    fake.end(&other, Some(json!({"user_id": long("e"), "issued_before": "2025-01-01T00:00:00.000000Z"})));
    for (token, event) in tokens.iter().zip(events) {
        fake.end(token, Some(event.clone()));
        let ask = async || (status(&effigy, &[("X-Auth-Token", token)]).await == 401).then_some(());
        eventually(&format!("{event} is heard"), PATIENCE, ask).await;
    }
    assert_eq!(status(&effigy, &[("X-Auth-Token", &other)]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_client_says_of_itself_is_believed() {
    let (effigy, fake) = both("").await;
    let token = fake.token("alice", "web", "member");
    let said = [
        ("X-Identity-Status", "Confirmed"),
        ("X-Service-Identity-Status", "Confirmed"),
        ("X-User-Id", "root"),
        ("X-Project-Id", "ops"),
        ("X-Tenant-Id", "ops"),
        ("X-Roles", "admin"),
        ("X-Service-Roles", "service"),
        ("X-Is-Admin-Project", "True"),
        ("OpenStack-System-Scope", "all"),
    ];
    assert_eq!(status(&effigy, &said).await, 401);
    let request = effigy.stranger().request(Method::POST, "/image/v2/images").header("X-Auth-Token", &token);
    let request = said.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let made = Answer::of(request.json(&json!({"name": "a"}))).await.expect(201).json();
    assert_eq!(made["owner"], long("web"));
    let request = effigy.stranger().request(Method::GET, "/effigy/v1/audit").header("X-Auth-Token", &token);
    let request = said.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(request).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_read_makes_no_caller() {
    let (effigy, fake) = both("").await;
    let changes: [fn(&mut Value); 4] = [
        |token| token["project"]["id"] = json!("a".repeat(65)),
        |token| token["project"]["id"] = json!("a b"),
        |token| token["project"] = json!("web"),
        |token| token["user"]["id"] = json!(7),
    ];
    for change in changes {
        let token = fake.token_with("alice", "web", "member", change);
        assert_eq!(status(&effigy, &[("X-Auth-Token", &token)]).await, 401);
    }
    let nowhere = fake.token_with("alice", "web", "member", |token| token["project"] = Value::Null);
    assert_eq!(status(&effigy, &[("X-Auth-Token", &nowhere)]).await, 403, "it is known, and of no project");
    for token in ["", " ", "x", "no token", "a\u{e9}", &"x".repeat(8193)] {
        assert_eq!(status(&effigy, &[("X-Auth-Token", token)]).await, 401, "{token:?}");
    }
    assert_eq!(status(&effigy, &[("X-Storage-Token", &fake.token("alice", "web", "member"))]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_not_looked_for_here() {
    let (effigy, fake) = both("www_authenticate_uri = \"https://keystone.example.org/v3\"").await;
    let admin = person(&effigy, &fake.token("root", "ops", "admin"));
    let of_console = "/identity/v3/auth/catalog";
    for url in ["/identity", "/identity/", "/identity/v3", "/identity/v3/auth/tokens", of_console] {
        for method in [Method::GET, Method::POST] {
            if (url, &method) == (of_console, &Method::POST) {
                continue;
            }
            let answer = Answer::of(admin.request(method, url)).await.expect(404);
            assert!(answer.text().contains("Keystone does, at https://keystone.example.org/v3"), "{}", answer.text());
        }
    }
    for url in ["/image/v2/images", "/effigy/v1/usage"] {
        let refused = effigy.stranger().get(url).await.expect(401);
        assert_eq!(refused.header("www-authenticate"), Some("Keystone uri=\"https://keystone.example.org/v3\""));
    }
    let versions = effigy.stranger().get("/").await.expect(300).json();
    assert_eq!(versions, effigy.stranger().get("/image/").await.expect(300).json());
    assert!(!effigy.data().join("clouds.yaml").exists(), "an administrator was made");
    let output = effigy.output(&["admin", "user", "list"]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("Keystone has the users"));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_outlives_its_request_needs_no_token() {
    let (effigy, mut fake) = both("cache_seconds = 3600").await;
    let alice = person(&effigy, &fake.token("alice", "web", "member"));
    let id = alice.create_image("staged", json!({})).await;
    alice.put_bytes(&format!("/image/v2/images/{id}/stage"), vec![7; 4096]).await.expect(204);
    fake.stop().await;
    let method = json!({"method": {"name": "glance-direct"}});
    alice.post(&format!("/image/v2/images/{id}/import"), method).await.expect(202);
    alice.image_becomes(&id, "active").await;
    let tasks = alice.get(&format!("/image/v2/images/{id}/tasks")).await.expect(200).json();
    assert_eq!(tasks["tasks"][0]["owner"], long("web"), "{tasks}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_image_service_is_found_in_the_catalog_of_the_token() {
    let (mut effigy, fake) = both("").await;
    let port = effigy.url().rsplit(':').next().unwrap().to_owned();
    let import = format!("[import]\nallowed_hosts = [\"127.0.0.1\"]\nallowed_ports = [{port}]");
    effigy.restart_with(&fake.settings(&import)).await;
    fake.lists(&effigy.at("/image"));
    let alice = person(&effigy, &fake.token("alice", "web", "member"));
    let theirs = alice.save_image("theirs", "raw", vec![7; 4096]).await;
    for (region, status) in [("RegionOne", "queued"), ("Other", "active")] {
        let ours = alice.create_image("ours", json!({})).await;
        let method = json!({"name": "glance-download", "glance_region": region, "glance_image_id": theirs});
        alice.post(&format!("/image/v2/images/{ours}/import"), json!({"method": method})).await.expect(202);
        let done = async || {
            let tasks = alice.get(&format!("/image/v2/images/{ours}/tasks")).await.expect(200).json();
            ["success", "failure"].iter().any(|end| tasks["tasks"][0]["status"] == *end).then_some(())
        };
        eventually("the import has ended", PATIENCE, done).await;
        assert_eq!(alice.image(&ours).await["status"], status, "{region}");
    }
}

#[test]
fn settings_that_lack_something_say_what() {
    let start = |settings: &str| {
        let output = Effigy::prepared(settings).output(&["serve", "--listen", "127.0.0.1:0"]);
        assert!(!output.status.success(), "{settings}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let mode = "[identity]\nmode = \"keystone\"\n[keystone]\n";
    for (more, missing) in [
        ("", "keystone.auth_url"),
        ("auth_url = \"ftp://k/v3\"", "keystone.auth_url"),
        ("auth_url = \"http://k:5000/v3\"", "keystone.username"),
        ("auth_url = \"http://k:5000/v3\"\nusername = \"effigy\"", "keystone.password"),
        (
            "auth_url = \"https://k:5000/v3\"\nusername = \"e\"\npassword = \"p\"\ncafile = \"/nowhere\"",
            "keystone.cafile",
        ),
    ] {
        let said = start(&format!("{mode}{more}\n"));
        assert!(said.contains(missing), "{more}: {said}");
    }
    let settings = format!("{mode}auth_url = \"http://k:5000\"\nusername = \"e\"\npassword = \"hushhush\"\n");
    let shown = Effigy::prepared(&settings).output(&["config", "check"]);
    assert!(!String::from_utf8_lossy(&shown.stdout).contains("hushhush"));
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
