//! Settings: what is refused, and what is not shown.

use crate::support::Effigy;

#[test]
fn unknown_setting_is_an_error_that_names_it() {
    let effigy = Effigy::prepared("[sharing]\nscoop = \"any\"\n");
    effigy.write_settings();
    let output = effigy.output(&["config", "check"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("scoop"), "{said}");
}

#[test]
fn database_password_is_not_printed() {
    let effigy = Effigy::prepared("[database]\nurl = \"postgres://effigy:hunter2@db/effigy\"\n");
    effigy.write_settings();
    let output = effigy.output(&["config", "check"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("postgres://effigy:") && !said.contains("hunter2"), "{said}");
}

#[test]
fn least_length_of_passwords_is_one_that_made_up_ones_have() {
    let effigy = Effigy::prepared("[identity]\nmin_password_chars = 25\n");
    effigy.write_settings();
    let output = effigy.output(&["config", "check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("24 at most"), "{said}");
}
