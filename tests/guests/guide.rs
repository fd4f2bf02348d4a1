//! The guide as a person does it: `scripts/guide.sh` with the program under test.

use std::process::{Command, Stdio};

use crate::support::clients;

#[test]
fn guide_holds_from_end_to_end() {
    clients();
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/guide.sh"))
        .env("EFFIGY", env!("CARGO_BIN_EXE_effigy"))
        .env_remove("OS_CLOUD")
        .stdin(Stdio::null())
        .output()
        .expect("run scripts/guide.sh");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("All holds"), "{said}");
}
