//! Options of users, projects, domains and roles: each holds, or is refused.

use serde_json::json;

use crate::support::{Effigy, PASSWORD, Person};

async fn change_password(person: &Person, old: &str, new: &str) -> crate::support::Answer {
    let body = json!({"user": {"original_password": old, "password": new}});
    person.post(&format!("/identity/v3/users/{}/password", person.user_id), body).await
}

#[tokio::test]
async fn an_option_of_a_user_that_would_not_hold_is_refused_with_the_reason() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let at = format!("/identity/v3/users/{}", people.alice.user_id);
    for (option, value, says) in [
        ("multi_factor_auth_enabled", json!(true), "one factor"),
        ("multi_factor_auth_rules", json!([["password", "totp"]]), "one factor"),
        ("lock_password", json!("yes"), "true or false"),
        ("no_such_option", json!(true), "no_such_option"),
    ] {
        let options = json!({"name": "new", "options": {option: value}});
        let refused = people.admin.post("/identity/v3/users", json!({ "user": options })).await.expect(400).text();
        assert!(refused.contains(option) && refused.contains(says), "{refused}");
        people.admin.patch(&at, json!({"user": {"options": {option: value}}})).await.expect(400);
    }
    // Without an effect they may be named, as clients that send all of them do.
    let idle = json!({"multi_factor_auth_enabled": false, "multi_factor_auth_rules": [], "lock_password": null});
    people.admin.patch(&at, json!({"user": {"options": idle}})).await.expect(200);
    people.admin.patch(&at, json!({"user": {"options": "none"}})).await.expect(400);
}

#[tokio::test]
async fn a_locked_password_is_changed_by_the_admin_alone() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let at = format!("/identity/v3/users/{}", people.alice.user_id);
    // Passwords do not end here, so this one holds for everybody.
    let options = json!({"lock_password": true, "ignore_password_expiry": true});
    let locked = people.admin.patch(&at, json!({"user": {"options": options}})).await.expect(200).json();
    assert_eq!(locked["user"]["options"], options);
    let refused = change_password(&people.alice, PASSWORD, "another one of mine").await.expect(400).text();
    assert!(refused.contains("lock_password"), "{refused}");
    effigy.stranger().try_sign_in("alice", PASSWORD, Some("web")).await.expect(201);
    // A wrong password learns nothing of the lock.
    change_password(&people.alice, "wrong", "another one of mine").await.expect(401);
    people.admin.patch(&at, json!({"user": {"password": "set by the admin"}})).await.expect(200);
    effigy.stranger().try_sign_in("alice", "set by the admin", Some("web")).await.expect(201);
    // An option that is not named stays; null takes it away.
    people.admin.patch(&at, json!({"user": {"options": {"lock_password": null}}})).await.expect(200);
    let left = people.admin.get(&at).await.expect(200).json();
    assert_eq!(left["user"]["options"], json!({"ignore_password_expiry": true}));
    change_password(&people.alice, "set by the admin", "another one of mine").await.expect(204);
}

#[tokio::test]
async fn a_user_whose_failures_do_not_lock_is_never_locked_out() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let fail = async || {
        for _ in 0..6 {
            effigy.stranger().try_sign_in("alice", "wrong", None).await.expect(401);
        }
    };
    fail().await;
    effigy.stranger().try_sign_in("alice", PASSWORD, None).await.expect(401);
    let at = format!("/identity/v3/users/{}", people.alice.user_id);
    let options = json!({"ignore_lockout_failure_attempts": true});
    people.admin.patch(&at, json!({"user": {"options": options}})).await.expect(200);
    effigy.stranger().try_sign_in("alice", PASSWORD, None).await.expect(201);
    fail().await;
    effigy.stranger().try_sign_in("alice", PASSWORD, None).await.expect(201);
}

#[tokio::test]
async fn an_immutable_thing_is_neither_changed_nor_deleted() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for (one, many) in [("project", "projects"), ("domain", "domains"), ("role", "roles")] {
        let body = json!({one: {"name": "kept", "options": {"immutable": true}}});
        let made = admin.post(&format!("/identity/v3/{many}"), body).await.expect(201);
        assert_eq!(made.json()[one]["options"], json!({"immutable": true}), "{one}");
        let at = format!("/identity/v3/{many}/{}", made.string(&format!("/{one}/id")));
        for change in [
            json!({"description": "new"}),
            json!({"options": {}}),
            json!({"options": {"immutable": true}}),
            json!({"options": {"immutable": false}, "name": "other"}),
        ] {
            let refused = admin.patch(&at, json!({one: change})).await.expect(403).text();
            assert!(refused.contains("immutable"), "{refused}");
        }
        admin.delete(&at).await.expect(403);
        assert_eq!(admin.get(&at).await.expect(200).json()[one]["name"], "kept");
        let freed = admin.patch(&at, json!({one: {"options": {"immutable": false}}})).await.expect(200).json();
        assert_eq!(freed[one]["options"], json!({"immutable": false}));
        let off = json!({one: {"description": "new", "options": {"immutable": null}}});
        assert_eq!(admin.patch(&at, off).await.expect(200).json()[one]["options"], json!({}));
        for options in [json!({"immutable": "yes"}), json!({"unknown": true})] {
            admin.patch(&at, json!({one: {"options": options}})).await.expect(400);
        }
        if one == "domain" {
            admin.patch(&at, json!({"domain": {"enabled": false}})).await.expect(200);
        }
        admin.delete(&at).await.expect(204);
    }
    let tagged = json!({"project": {"name": "tagged", "tags": ["a"], "options": {"immutable": true}}});
    let id = admin.post("/identity/v3/projects", tagged).await.expect(201).string("/project/id");
    admin.put(&format!("/identity/v3/projects/{id}/tags/b"), json!({})).await.expect(403);
    admin.delete(&format!("/identity/v3/projects/{id}/tags")).await.expect(403);
    // As projects, domains are no less immutable.
    let body = json!({"project": {"name": "lab", "is_domain": true, "options": {"immutable": true}}});
    let lab = admin.post("/identity/v3/projects", body).await.expect(201).string("/project/id");
    admin.patch(&format!("/identity/v3/projects/{lab}"), json!({"project": {"enabled": false}})).await.expect(403);
}
