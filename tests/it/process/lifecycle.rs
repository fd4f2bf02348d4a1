//! Starting, stopping and being killed.

use crate::support::Effigy;

#[tokio::test]
async fn stops_cleanly_when_asked() {
    let mut effigy = Effigy::start().await;
    assert!(effigy.stop().await.success(), "{}", effigy.log());
}

#[tokio::test]
async fn is_ready_again_after_a_kill() {
    let mut effigy = Effigy::start().await;
    effigy.kill9();
    effigy.run().await;
    effigy.stranger().get("/healthz").await.expect(200);
}

#[tokio::test]
async fn second_service_on_the_same_data_is_refused_and_says_why() {
    let effigy = Effigy::start().await;
    let output = effigy.output(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("another effigy") && said.contains("--data"), "{said}");
    effigy.stranger().get("/healthz").await.expect(200);
}
