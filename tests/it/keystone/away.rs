//! Keystone away: those whose tokens are remembered work on, the others are told so at once.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::{Mood, both, person, status};
use crate::support::{Answer, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn while_keystone_is_away_remembered_tokens_work_and_others_are_told() {
    let (effigy, mut fake) = both("cache_seconds = 3600").await;
    let (known, new) = (fake.token("alice", "web", "member"), fake.token("bob", "web", "member"));
    let id = person(&effigy, &known).save_image("golden", "raw", vec![7; 4096]).await;
    fake.stop().await;
    for _ in 0..8 {
        let request = effigy.stranger().request(Method::GET, "/image/v2/images").header("X-Auth-Token", &new);
        let told = Answer::of(request).await.expect(503);
        assert_eq!(told.header("retry-after"), Some("5"));
        assert!(told.text().contains("Keystone"), "{}", told.text());
    }
    person(&effigy, &known).download(&id).await.expect(200);
    fake.serve().await;
    let ask = async || (status(&effigy, &[("X-Auth-Token", &new)]).await == 200).then_some(());
    eventually("Keystone's return is seen", PATIENCE, ask).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keystone_that_fails_is_asked_by_one_at_a_time() {
    let (effigy, fake) = both("").await;
    let token = fake.token("alice", "web", "member");
    assert_eq!(status(&effigy, &[("X-Auth-Token", &fake.token("bob", "web", "member"))]).await, 200);
    fake.is(Mood::Broken);
    for _ in 0..40 {
        assert_eq!(status(&effigy, &[("X-Auth-Token", &token)]).await, 503);
    }
    // Five before nobody asks, and one each two seconds since.
    assert!((5..30).contains(&fake.asked_about(&token)), "{}", fake.asked_about(&token));
    fake.is(Mood::Well);
    let ask = async || (status(&effigy, &[("X-Auth-Token", &token)]).await == 200).then_some(());
    eventually("Keystone's return is seen", PATIENCE, ask).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keystone_that_says_nothing_is_not_waited_for_long() {
    let (effigy, fake) = both("timeout = 1").await;
    fake.is(Mood::Silent);
    let requests: Vec<_> = (0..40)
        .map(|number| {
            let token = fake.token("alice", &number.to_string(), "member");
            let request = effigy.stranger().request(Method::GET, "/image/v2/images").header("X-Auth-Token", token);
            tokio::spawn(Answer::of(request))
        })
        .collect();
    for request in requests {
        request.await.expect("no panic").expect(503);
    }
    // The first eight of an address wait for one sign-in of the service user; the others are told without a further one.
    assert!(fake.asked_about("") < 5, "the service user signed in {} times", fake.asked_about(""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_too_long_for_keystone_shuts_nobody_out() {
    let (effigy, fake) = both("").await;
    for number in 0..10 {
        let long = format!("{number}{}", "x".repeat(8000));
        assert_eq!(status(&effigy, &[("X-Auth-Token", &long)]).await, 503);
    }
    assert_eq!(status(&effigy, &[("X-Auth-Token", &fake.token("alice", "web", "member"))]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_user_signs_in_again_when_its_token_has_ended() {
    let (effigy, fake) = both("").await;
    for name in ["alice", "bob"] {
        assert_eq!(status(&effigy, &[("X-Auth-Token", &fake.token(name, "web", "member"))]).await, 200);
        fake.forget_service();
    }
    assert_eq!(status(&effigy, &[("X-Auth-Token", &fake.token("carol", "web", "member"))]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sharing_beyond_the_own_project_needs_keystone() {
    let (effigy, mut fake) = both("cache_seconds = 3600").await;
    let alice = person(&effigy, &fake.token("alice", "web", "member"));
    let id = alice.save_image("golden", "raw", vec![7; 4096]).await;
    fake.stop().await;
    let members = format!("/image/v2/images/{id}/members");
    alice.post(&members, json!({"member": "other"})).await.expect(503);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_any_project_may_be_shared_with_keystone_is_not_asked() {
    let (effigy, mut fake) = both("cache_seconds = 3600\n[sharing]\nscope = \"any\"").await;
    let alice = person(&effigy, &fake.token("alice", "web", "member"));
    let id = alice.save_image("golden", "raw", vec![7; 4096]).await;
    fake.stop().await;
    let members = format!("/image/v2/images/{id}/members");
    let member = alice.post(&members, json!({"member": "other"})).await.expect(200).json();
    assert_eq!(member["status"], "pending");
}
