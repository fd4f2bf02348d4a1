//! The service's own pages, and what every answer carries.

use reqwest::Method;

use crate::support::{Answer, Effigy};

#[tokio::test]
async fn health_pages_need_no_token() {
    let effigy = Effigy::start().await;
    let stranger = effigy.stranger();
    assert_eq!(stranger.get("/healthz").await.expect(200).text(), "OK");
    assert_eq!(stranger.get("/readyz").await.expect(200).json()["ready"], true);
    assert_eq!(stranger.get("/version").await.expect(200).string("/version"), env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn store_without_its_reserve_takes_no_bytes_and_says_so() {
    // More than any file system of this world has.
    let reserve = "[store]\nreserve_mib = 1000000000000\n";
    let mut effigy = Effigy::start().await;
    let image = effigy.admin().await.create_image("late", serde_json::json!({})).await;
    effigy.restart_unready_with(reserve).await;
    let unready = effigy.stranger().get("/readyz").await.expect(503).json();
    assert_eq!(unready["ready"], false);
    assert_eq!(unready["database"], "ok");
    assert!(unready["store"].as_str().is_some_and(|why| why.contains("store.reserve_mib")), "{unready}");
    let admin = effigy.admin().await;
    let refused = admin.upload(&image, vec![1; 100]).await.expect(503);
    assert!(refused.text().contains("store.reserve_mib"), "{}", refused.text());
    assert_eq!(admin.image(&image).await["status"], "queued");
}

#[tokio::test]
async fn metrics_count_requests_by_route() {
    let effigy = Effigy::start().await;
    effigy.stranger().get("/healthz").await.expect(200);
    let metrics = effigy.metrics().await;
    let counted = metrics.lines().any(|line| {
        line.starts_with("effigy_http_requests_total{") && line.contains("/healthz") && line.contains("200")
    });
    assert!(counted, "{metrics}");
}

#[tokio::test]
async fn metrics_are_shown_to_their_token_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let refused = admin.get("/metrics").await.expect(401);
    assert!(refused.text().contains("metrics.token"), "{}", refused.text());
    let wrong = effigy.stranger().request(Method::GET, "/metrics").bearer_auth("wrong");
    Answer::of(wrong).await.expect(401);
    let file = effigy.data().join("metrics.token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // An operator may choose it.
    std::fs::write(&file, "of my own choice\n").unwrap();
    effigy.restart().await;
    effigy.metrics().await;
}

#[tokio::test]
async fn methods_that_clients_invent_are_counted_as_one() {
    let effigy = Effigy::start().await;
    for n in 0..3 {
        let method = Method::from_bytes(format!("INVENTED{n}").as_bytes()).unwrap();
        Answer::of(effigy.stranger().request(method, "/healthz")).await.expect(405);
    }
    let metrics = effigy.metrics().await;
    let line = r#"effigy_http_requests_total{method="other",route="/healthz",code="405"} 3"#;
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
    assert!(!metrics.contains("INVENTED"), "{metrics}");
}

#[tokio::test]
async fn metrics_count_what_there_is() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for name in ["a", "b"] {
        admin.save_image(name, "raw", vec![1; 1024]).await;
    }
    let metrics = effigy.metrics().await;
    for line in [
        r#"effigy_images{status="active",visibility="private"} 2"#,
        r#"effigy_image_bytes{status="active",visibility="private"} 2048"#,
        r#"effigy_store_bytes{store="local",state="used"} 0"#,
        "effigy_uploads_in_progress 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    assert!(metrics.contains(r#"effigy_store_bytes{store="local",state="free"} "#), "{metrics}");
}

#[tokio::test]
async fn metrics_come_in_the_text_that_is_asked_for() {
    let effigy = Effigy::start().await;
    let token = std::fs::read_to_string(effigy.data().join("metrics.token")).unwrap();
    let read = async |accept: &str| {
        let request = effigy.stranger().request(Method::GET, "/metrics").header("Accept", accept);
        let answer = Answer::of(request.bearer_auth(token.trim())).await.expect(200);
        (answer.header("content-type").unwrap_or_default().to_owned(), answer.text())
    };
    let (kind, text) = read("application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
    assert!(kind.starts_with("application/openmetrics-text") && text.ends_with("# EOF\n"), "{kind} {text}");
    assert!(text.contains("# TYPE effigy_build info\n"), "{text}");
    for accept in ["*/*", "text/plain;version=0.0.4"] {
        let (kind, text) = read(accept).await;
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
        // Each sample is of the family before it, whose type this format knows.
        let mut family = "";
        for line in text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|told| told.split_once(' ')) {
                assert!(["counter", "gauge", "histogram", "untyped"].contains(&kind), "{line}");
                family = name;
            } else if !line.starts_with("# HELP ") {
                assert!(!family.is_empty() && line.starts_with(family), "{line} after {family}");
            }
        }
        assert!(text.contains("# TYPE effigy_http_requests_total counter\n"), "{text}");
        assert!(text.contains("# TYPE effigy_build_info gauge\neffigy_build_info{version="), "{text}");
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let effigy = Effigy::start().await;
    let mut seen = std::collections::BTreeSet::new();
    for path in ["/healthz", "/identity/v3", "/image", "/compute/", "/nowhere", "/image/v2/images"] {
        let answer = effigy.stranger().get(path).await;
        let id = answer.header("x-openstack-request-id").unwrap_or_else(|| panic!("{path}: no request id")).to_owned();
        assert!(id.starts_with("req-") && seen.insert(id), "{path}: {seen:?}");
    }
}

#[tokio::test]
async fn unknown_address_is_not_found_in_json() {
    let effigy = Effigy::start().await;
    let answer = effigy.stranger().get("/nowhere").await.expect(404);
    assert_eq!(answer.json()["error"]["code"], 404);
}

#[tokio::test]
async fn head_and_options_do_no_harm() {
    let effigy = Effigy::start().await;
    for method in [reqwest::Method::HEAD, reqwest::Method::OPTIONS, reqwest::Method::TRACE] {
        let request = effigy.stranger().request(method.clone(), "/healthz");
        let answer = crate::support::Answer::of(request).await;
        assert!(answer.status < 500, "{method} answered {}", answer.status);
    }
}
