//! Settings: what is documented is what there is.

use crate::support::Effigy;

#[test]
fn every_setting_is_documented_and_every_documented_setting_exists() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md")).unwrap();
    let (_, rest) = page.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("the end of the example");
    let effective = Effigy::prepared("").output(&["config", "check"]);
    assert!(effective.status.success());
    let effective: toml::Table = toml::from_str(&String::from_utf8_lossy(&effective.stdout)).expect("TOML");

    for (section, values) in sections(&effective) {
        for key in values.keys() {
            let named = in_section(example, &section).any(|line| line.starts_with(&format!("{key} =")));
            assert!(named, "docs/configuration.md does not tell of {key} in [{section}]");
        }
    }
    // With the keys that are commented out as well, the program takes the whole example.
    let all: String = example.lines().map(|line| format!("{}\n", uncommented(line))).collect();
    let effigy = Effigy::prepared(&all);
    effigy.write_settings();
    let output = effigy.output(&["config", "check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

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

/// The sections with their names; those of a kind of which there may be many (`stores.NAME`) one by one.
fn sections(effective: &toml::Table) -> Vec<(String, &toml::Table)> {
    let mut found = Vec::new();
    for (name, values) in effective {
        let values = values.as_table().expect("a section");
        let parts: Vec<_> = values.iter().filter_map(|(part, values)| Some((part, values.as_table()?))).collect();
        if parts.is_empty() {
            found.push((name.clone(), values));
        }
        found.extend(parts.into_iter().map(|(part, values)| (format!("{name}.{part}"), values)));
    }
    found
}

/// The lines of one section, commented-out keys uncovered.
fn in_section<'a>(example: &'a str, section: &str) -> impl Iterator<Item = &'a str> {
    let header = format!("[{section}]");
    let lines = example.lines().skip_while(move |line| *line != header).skip(1);
    lines.take_while(|line| !line.starts_with('[')).map(uncommented)
}

fn uncommented(line: &str) -> &str {
    match line.strip_prefix("# ") {
        Some(rest) if rest.split(' ').nth(1) == Some("=") => rest,
        _ => line,
    }
}
