//! The first start, and `effigy admin …` offline and beside a running service.

use std::{
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::{Output, Stdio},
};

use crate::support::{Effigy, PASSWORD};

#[track_caller]
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test]
async fn first_start_writes_a_private_file_that_signs_in_and_follows_the_address() {
    let mut effigy = Effigy::start().await;
    let file = effigy.data().join("clouds.yaml");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let clouds = std::fs::read_to_string(&file).unwrap();
    assert!(clouds.contains(&format!("auth_url: {}\n", effigy.at("/identity/v3"))), "{clouds}");
    effigy.admin().await.get("/identity/v3/users").await.expect(200);
    effigy.restart_with("[server]\npublic_url = \"http://images.example.org\"\n").await;
    let again = std::fs::read_to_string(&file).unwrap();
    assert_eq!(again, clouds.replace(effigy.url(), "http://images.example.org"));
    effigy.admin().await.get("/identity/v3/users").await.expect(200);
}

#[tokio::test]
async fn users_and_projects_are_made_beside_the_running_service() {
    let effigy = Effigy::start().await;
    said(&effigy.output(&["admin", "project", "create", "web"]));
    let made = said(&effigy.output(&["admin", "user", "create", "alice", "--project", "web"]));
    let password = made.lines().last().unwrap().rsplit(' ').next().unwrap();
    let alice = effigy.sign_in("alice", password, Some("web")).await;
    alice.get("/identity/v3/users").await.expect(403);
    said(&effigy.output(&["admin", "role", "add", "admin", "--user", "alice", "--project", "web"]));
    effigy.sign_in("alice", password, Some("web")).await.get("/identity/v3/users").await.expect(200);
    said(&effigy.output(&["admin", "role", "remove", "admin", "--user", "alice", "--project", "web"]));
    let listed = said(&effigy.output(&["admin", "user", "list"]));
    assert!(listed.contains("  admin\n") && listed.contains("  alice\n"), "{listed}");
    assert!(said(&effigy.output(&["admin", "project", "list"])).contains("  web\n"));
    let alice = effigy.sign_in("alice", password, Some("web")).await;
    let file = effigy.scratch().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let file = file.display().to_string();
    let set = said(&effigy.output(&["admin", "user", "set-password", "alice", "--password-file", &file]));
    assert!(!set.contains(PASSWORD));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    alice.get("/identity/v3/auth/projects").await.expect(401);
    effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let admin = effigy.admin().await;
    let events = admin.get("/effigy/v1/audit?action=project.create").await.expect(200).json();
    assert_eq!(events["events"][0]["user_name"], "operator");
    said(&effigy.output(&["admin", "user", "delete", "alice"]));
    said(&effigy.output(&["admin", "project", "delete", "web"]));
    effigy.stranger().try_sign_in("alice", PASSWORD, None).await.expect(401);
    for wrong in [
        ["admin", "user", "delete", "nobody"].as_slice(),
        &["admin", "user", "create", "admin"],
        &["admin", "user", "create", "carol", "--project", "nowhere"],
        &["admin", "role", "add", "king", "--user", "admin", "--project", "admin"],
    ] {
        let output = effigy.output(wrong);
        assert!(!output.status.success() && !output.stderr.is_empty(), "{wrong:?}");
    }
}

#[tokio::test]
async fn the_admins_lost_password_is_set_offline_and_the_file_follows() {
    let mut effigy = Effigy::start().await;
    let before = effigy.admin_password();
    effigy.stop().await;
    said(&effigy.output(&["admin", "user", "set-password", "admin"]));
    effigy.run().await;
    assert_ne!(effigy.admin_password(), before);
    effigy.stranger().try_sign_in("admin", &before, Some("admin")).await.expect(401);
    effigy.admin().await;
    let mut command = effigy.command(&["admin", "user", "set-password", "admin", "--password-file", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"it's of my own choice\n").unwrap();
    let set = said(&child.wait_with_output().unwrap());
    assert!(!set.contains("clouds.yaml"), "a quote in it cannot be written there plainly: {set}");
    effigy.sign_in("admin", "it's of my own choice", Some("admin")).await;
}

#[tokio::test]
async fn people_made_before_the_first_start_stay() {
    let mut effigy = Effigy::prepared("");
    let made = said(&effigy.output(&["admin", "user", "create", "early"]));
    let password = made.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    effigy.run().await;
    effigy.admin().await;
    effigy.sign_in("early", &password, None).await;
}
