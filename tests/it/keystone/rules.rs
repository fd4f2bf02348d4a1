//! Access rules of application credentials, and services that ask in a user's name.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Effigy, both, status};
use crate::support::Answer;

async fn is_let_in(effigy: &Effigy, method: Method, path: &str, token: &str, service: Option<&str>) -> bool {
    let request = effigy.stranger().request(method, path).header("X-Auth-Token", token);
    let request = service.into_iter().fold(request, |request, token| request.header("X-Service-Token", token));
    Answer::of(request).await.status != 401
}

fn with_rules(rules: Value) -> impl FnOnce(&mut Value) {
    move |token| {
        token["application_credential"] =
            json!({"id": "c", "name": "robot", "restricted": true, "access_rules": rules});
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_rules_hold_with_and_without_the_prefix() {
    let (effigy, fake) = both("").await;
    let rule = |path: &str| json!([{"id": "r", "service": "image", "method": "GET", "path": path}]);
    let image = "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a";
    let (list, file) = ("/image/v2/images".to_owned(), format!("/image/v2/images/{image}/file"));
    for (pattern, allows_list, allows_file) in [
        ("/v2/images", true, false),
        ("/image/v2/images", true, false),
        ("/v2/images/{id}/file", false, true),
        ("/v2/images/*/file", false, true),
        ("/v2/images/*", false, false),
        ("/v2/**", true, true),
        ("/image/**", true, true),
        ("/v2/im*", true, false),
        ("/v3/**", false, false),
    ] {
        let token = fake.token_with("robot", "web", "member", with_rules(rule(pattern)));
        let may = [
            is_let_in(&effigy, Method::GET, &list, &token, None).await,
            is_let_in(&effigy, Method::GET, &file, &token, None).await,
        ];
        assert_eq!(may, [allows_list, allows_file], "{pattern}");
        assert!(!is_let_in(&effigy, Method::POST, &list, &token, None).await, "{pattern}: another method");
    }
    let none = fake.token_with("robot", "web", "member", with_rules(json!([])));
    assert!(!is_let_in(&effigy, Method::GET, &list, &none, None).await, "no rule allows nothing");
    let free = fake.token_with("robot", "web", "member", with_rules(Value::Null));
    assert!(is_let_in(&effigy, Method::GET, &list, &free, None).await);
    let elsewhere = json!([{"id": "r", "service": "compute", "method": "GET", "path": "/v2/**"}]);
    let elsewhere = fake.token_with("robot", "web", "member", with_rules(elsewhere));
    assert!(!is_let_in(&effigy, Method::GET, &list, &elsewhere, None).await);
    let service = fake.token("nova", "service", "service");
    assert!(
        is_let_in(&effigy, Method::GET, &list, &elsewhere, Some(&service)).await,
        "its request is not the user's own"
    );
    let unlisted = fake.token_with("robot", "web", "member", |token| {
        with_rules(rule("/v2/**"))(token);
        token["catalog"] = json!([{"type": "compute", "name": "nova", "endpoints": []}]);
    });
    assert!(!is_let_in(&effigy, Method::GET, &list, &unlisted, Some(&service)).await, "the catalog has no images");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_needs_a_role_of_services() {
    let (mut effigy, fake) = both("").await;
    let user = fake.token("alice", "web", "member");
    let over = fake.token_with("alice", "web", "member", |token| token["expires_at"] = json!("2026-02-01T00:00:00.0Z"));
    let service = fake.token("nova", "service", "service");
    let other = fake.token("mallory", "web", "member");
    let old = fake.token_with("nova", "service", "service", |t| t["expires_at"] = json!("2026-02-01T00:00:00.0Z"));
    let with = async |effigy: &Effigy, user: &str, service: &str| {
        status(effigy, &[("X-Auth-Token", user), ("X-Service-Token", service)]).await
    };
    for (user, service, expected) in [
        (&user, service.as_str(), 200),
        (&over, &service, 200),
        (&user, &other, 401),
        (&over, &other, 401),
        (&user, "garbage", 401),
        (&user, "not one", 401),
        (&user, "", 200),
        (&user, &old, 401),
    ] {
        assert_eq!(with(&effigy, user, service).await, expected, "{user} {service}");
    }
    let lax = fake.settings("service_token_roles_required = false\nservice_token_roles = [\"operator\"]");
    effigy.restart_with(&lax).await;
    let operator = fake.token("ops", "service", "operator");
    for (user, service, expected) in
        [(&user, &other, 200), (&over, &other, 401), (&over, &service, 401), (&over, &operator, 200)]
    {
        assert_eq!(with(&effigy, user, service).await, expected, "{user} {service}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_domain_or_the_system_is_of_no_project() {
    let (effigy, fake) = both("").await;
    let scoped = |role: &str, scope: Value| {
        fake.token_with("root", "web", role, |token| {
            token.as_object_mut().unwrap().remove("project");
            token.as_object_mut().unwrap().extend(scope.as_object().unwrap().clone());
        })
    };
    let domain = json!({"domain": {"id": "default", "name": "Default"}});
    let system = json!({"system": {"all": true}});
    for (role, scope, expected) in
        [("admin", &domain, 200), ("admin", &system, 200), ("member", &domain, 403), ("reader", &system, 403)]
    {
        let token = scoped(role, scope.clone());
        let answer = effigy.stranger().request(Method::GET, "/effigy/v1/audit").header("X-Auth-Token", &token);
        Answer::of(answer).await.expect(expected);
    }
}
