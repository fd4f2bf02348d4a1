//! The first start: an administrator, and a configuration that a client can use at once.

use std::{
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use crate::support::{Answer, Effigy, clients};

#[tokio::test]
async fn clouds_yaml_is_readable_only_by_its_owner() {
    let effigy = Effigy::start().await;
    let mode = |path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(effigy.data().join("clouds.yaml")), 0o600);
    assert_eq!(mode(effigy.data()), 0o700);
}

#[tokio::test]
async fn clouds_yaml_works_with_the_openstack_client() {
    let effigy = Effigy::start().await;
    let output = Command::new(clients().join("openstack"))
        .args(["token", "issue", "-f", "value", "-c", "user_id"])
        .env("OS_CLIENT_CONFIG_FILE", effigy.data().join("clouds.yaml"))
        .env("OS_CLOUD", "effigy")
        .stdin(Stdio::null())
        .output()
        .expect("run openstack");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), effigy.admin().await.user_id);
}

#[tokio::test]
async fn later_start_keeps_the_administrator_and_the_tokens() {
    let mut effigy = Effigy::start().await;
    let (password, admin) = (effigy.admin_password(), effigy.admin().await);
    effigy.restart().await;
    assert_eq!(effigy.admin_password(), password);
    let request = admin.request(reqwest::Method::GET, "/identity/v3/auth/tokens");
    Answer::of(request.header("X-Subject-Token", &admin.token)).await.expect(200);
}

#[tokio::test]
async fn password_is_in_no_log() {
    let mut effigy = Effigy::with("[log]\nfilter = \"trace\"\n").await;
    let admin = effigy.admin().await;
    effigy.stranger().try_sign_in("admin", "wrong horse", Some("admin")).await.expect(401);
    effigy.stop().await;
    let log = effigy.log();
    for secret in [&effigy.admin_password(), &admin.token, "wrong horse"] {
        assert!(!log.contains(secret), "the log has {secret}");
    }
}
