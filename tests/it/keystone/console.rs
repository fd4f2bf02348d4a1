//! The console's session, whose token Keystone makes.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Effigy, Fake, both, long, nova::Nova, person};
use crate::support::Answer;

const PASSWORD: &str = "alicepw";

/// Alice's password, as Keystone is asked about it.
pub fn password(domain: Value, password: &str) -> Value {
    json!({"methods": ["password"], "password": {"user": {"name": "alice", "password": password, "domain": domain}}})
}

/// A browser: it keeps its cookies, and says where its pages came from.
pub struct Browser<'a> {
    effigy: &'a Effigy,
    cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    pub fn new(effigy: &'a Effigy) -> Browser<'a> {
        Browser { effigy, cookies: vec![] }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.effigy.stranger().request(method, path).header("Origin", self.effigy.url());
        if cookies.is_empty() { request } else { request.header("Cookie", cookies.join("; ")) }
    }

    /// Asks, and keeps the cookies of the answer.
    pub async fn ask(&mut self, method: Method, path: &str, body: Value) -> Answer {
        let answer = Answer::of(self.request(method, path).json(&body)).await;
        for set in answer.headers.get_all("set-cookie") {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    pub async fn sign_in(&mut self, password: &str) -> Answer {
        self.ask(Method::POST, "/session", json!({"user": "alice", "password": password, "domain": "Default"})).await
    }
}

/// Alice is in web and in batch, and has a password.
pub fn alice(fake: &Fake) -> String {
    let token = fake.token("alice", "web", "member");
    fake.may_also(&token, "batch");
    fake.takes(password(json!({"name": "Default"}), PASSWORD), &token);
    token
}

/// Alice at the console of a service, whose cloud has this Compute service.
pub async fn at_console<'a>(effigy: &'a Effigy, fake: &Fake, nova: &Nova) -> Browser<'a> {
    let endpoint = json!({"interface": "internal", "region_id": "RegionOne", "region": "RegionOne", "url": nova.url()});
    let token = fake.token_with("alice", "web", "member", |token| {
        token["catalog"] = json!([{"type": "image", "endpoints": []}, {"type": "compute", "endpoints": [endpoint]}]);
    });
    fake.takes(password(json!({"name": "Default"}), PASSWORD), &token);
    let mut browser = Browser::new(effigy);
    browser.sign_in(PASSWORD).await.expect(201);
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_of_keystone_signs_in_and_works_in_each_project() {
    let (effigy, fake) = both("").await;
    alice(&fake);
    let mut browser = Browser::new(&effigy);
    let begun = browser.sign_in(PASSWORD).await.expect(201).json();
    assert_eq!(begun["user"]["name"], "alice");
    assert_eq!(begun["project"]["id"], long("web"));
    let names: Vec<_> = begun["projects"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["web", "batch"]);
    assert_eq!([&begun["keystone"], &begun["runs_instances"]], [&json!(true), &json!(false)]);
    assert!(!begun.to_string().contains("gAAAA"), "the token is told: {begun}");
    let moved = browser.ask(Method::PUT, "/session", json!({"project": long("batch")})).await.expect(200).json();
    assert_eq!(moved["project"]["name"], "batch");
    for project in ["web", "batch"] {
        let asked = browser.request(Method::GET, "/effigy/v1/usage").header("X-Effigy-Project", long(project));
        Answer::of(asked).await.expect(200);
    }
    browser.ask(Method::PUT, "/session", json!({"project": long("other")})).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_tokens_at_keystone_and_here() {
    let (effigy, fake) = both("cache_seconds = 3600").await;
    let token = alice(&fake);
    let mut browser = Browser::new(&effigy);
    browser.sign_in(PASSWORD).await.expect(201);
    let kept = browser.cookies.clone();
    browser.ask(Method::DELETE, "/session", json!({})).await.expect(204);
    assert!(!fake.knows(&token));
    person(&effigy, &token).get("/image/v2/images").await.expect(401);
    browser.cookies = kept;
    Answer::of(browser.request(Method::GET, "/session")).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_credential_signs_in_and_stays_in_its_project() {
    let (effigy, fake) = both("").await;
    let token = fake.token_with("alice", "web", "member", |token| {
        token["application_credential"] = json!({"id": "c1", "name": "laptop", "restricted": true});
    });
    fake.may_also(&token, "batch");
    let proof = json!({"methods": ["application_credential"], "application_credential": {"id": "c1", "secret": "s"}});
    fake.takes(proof, &token);
    let mut browser = Browser::new(&effigy);
    let body = json!({"credential": "c1", "secret": "s", "project": long("batch")});
    let begun = browser.ask(Method::POST, "/session", body).await.expect(201).json();
    assert_eq!(begun["project"]["id"], long("web"));
    assert_eq!(begun["projects"], json!([{"id": long("web"), "name": "web"}]));
    browser.ask(Method::POST, "/session", json!({"credential": "c1", "secret": "x"})).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_fails_too_often_is_locked_without_a_question() {
    let (effigy, fake) = both("").await;
    alice(&fake);
    let mut browser = Browser::new(&effigy);
    for _ in 0..5 {
        browser.sign_in("wrong").await.expect(401);
    }
    let asked = fake.asked("POST", "/v3/auth/tokens");
    browser.sign_in(PASSWORD).await.expect(401);
    assert_eq!(fake.asked("POST", "/v3/auth/tokens"), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_of_another_page_is_refused_before_keystone_is_asked() {
    let (effigy, fake) = both("").await;
    alice(&fake);
    let body = json!({"user": "alice", "password": PASSWORD});
    for origin in ["https://evil.example", "null"] {
        let request = effigy.stranger().request(Method::POST, "/session").header("Origin", origin).json(&body);
        Answer::of(request).await.expect(403);
    }
    assert_eq!(fake.asked("POST", "/v3/auth/tokens"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_nobody_signs_in_here() {
    let (effigy, fake) = both("console = false").await;
    alice(&fake);
    let mut browser = Browser::new(&effigy);
    assert!(browser.sign_in(PASSWORD).await.expect(404).text().contains("Keystone does, at"));
    Answer::of(browser.request(Method::GET, "/identity/v3/auth/catalog")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_keystone_a_session_reaches_its_own_things_and_no_others() {
    let (effigy, fake) = both("").await;
    alice(&fake);
    let mut browser = Browser::new(&effigy);
    browser.sign_in(PASSWORD).await.expect(201);
    browser.ask(Method::GET, "/identity/v3/auth/catalog", json!({})).await.expect(200);
    let others = format!("/identity/v3/users/{}/application_credentials", long("bob"));
    browser.ask(Method::GET, &others, json!({})).await.expect(403);
    for (method, path) in [
        (Method::GET, "/identity/v3/users"),
        (Method::GET, "/identity/v3/auth/tokens"),
        (Method::POST, "/identity/v3/auth/tokens"),
        (Method::DELETE, "/identity/v3/projects/x"),
        (Method::GET, "/identity/v3/credentials"),
        (Method::GET, "/identity/v3/auth/catalog/../../users"),
        (Method::GET, "/identity/v3/auth/catalog%2f..%2fusers"),
    ] {
        let status = browser.ask(method.clone(), path, json!({})).await.status;
        assert!([404, 405].contains(&status) || path.contains(".."), "{method} {path}: {status}");
    }
    assert_eq!(fake.asked("GET", "/v3/users"), 0);
    // A program has Keystone's own address.
    let token = fake.token("carol", "web", "member");
    let told = person(&effigy, &token).get("/identity/v3/auth/catalog").await.expect(404);
    assert!(told.text().contains("Keystone does, at"), "{}", told.text());
}
