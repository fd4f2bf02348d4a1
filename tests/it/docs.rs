//! Reads the documentation and holds it to the program: settings, commands, URLs, paths and links.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use clap::error::ErrorKind;
use effigy::config::Config;
use reqwest::Method;

use crate::support::{Answer, Effigy};

/// The pages that tell of today; a record of a decision tells of its day.
const PAGES: [&str; 17] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/api.md",
    "docs/benchmarks.md",
    "docs/configuration.md",
    "docs/console.md",
    "docs/formats.md",
    "docs/hardware.md",
    "docs/inspection.md",
    "docs/install.md",
    "docs/limits.md",
    "docs/openstack.md",
    "docs/operations.md",
    "docs/quickstart.md",
    "docs/storage-format.md",
];

#[test]
fn every_setting_is_documented_with_its_default_and_no_other() {
    let page = read("docs/configuration.md");
    let (_, rest) = page.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("the end of the example");
    // Without --data, which would set one of them.
    let output =
        Command::new(env!("CARGO_BIN_EXE_effigy")).args(["config", "check"]).output().expect("run the program");
    assert!(output.status.success());
    let effective: toml::Table = toml::from_str(&String::from_utf8_lossy(&output.stdout)).expect("TOML");
    let documented: toml::Table = toml::from_str(example).expect("TOML");
    assert_eq!(documented, effective, "the defaults of docs/configuration.md, and those of the program");

    // With the keys that are commented out too, it has every key of every section, and the program takes it.
    let all: String = example.lines().map(|line| format!("{}\n", uncommented(line))).collect();
    let all: toml::Table = toml::from_str(&all).expect("TOML");
    for (section, values) in &all {
        let named = if section == "stores" { values["local"].as_table() } else { values.as_table() };
        let named: BTreeSet<_> = named.expect("a section").keys().cloned().collect();
        let header = if section == "stores" { "stores.local" } else { section };
        assert_eq!(named, known_in(&format!("[{header}]\n")), "the keys of [{header}]");
    }
    assert_eq!(all.keys().cloned().collect::<BTreeSet<_>>(), known_in(""), "the sections");
    let parsed: Result<Config, _> = all.try_into();
    parsed.expect("the program takes the whole example");
}

#[test]
fn packaged_configuration_has_every_setting_commented_out_and_changes_the_data_folder_alone() {
    let output = Command::new(root().join("scripts/package.sh")).arg("config").output().expect("run the script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packaged = String::from_utf8_lossy(&output.stdout).into_owned();
    let set: toml::Table = toml::from_str(&packaged).expect("TOML");
    let keys = |table: &toml::Table| table.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(set["server"].as_table().expect("a section")), ["data"]);
    let is_bare = |(name, section): (&String, &toml::Value)| {
        let section = if name == "stores" { &section["local"] } else { section };
        let subsections = section.as_table().expect("a section").values();
        name == "server" || subsections.into_iter().all(|value| value.as_table().is_some_and(toml::Table::is_empty))
    };
    assert!(set.iter().all(is_bare), "{packaged}");

    // With each setting that has a default set to it, it is the example of the page.
    let page = read("docs/configuration.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let all = |text: &str| -> toml::Table {
        let lines: String = text.lines().map(|line| format!("{}\n", uncommented(line))).collect();
        toml::from_str(&lines).expect("TOML")
    };
    let mut documented = all(example);
    documented["server"]["data"] = set["server"]["data"].clone();
    assert_eq!(all(&packaged), documented);
    let _: Config = set.try_into().expect("the program takes it");
}

#[test]
fn packaged_unit_starts_a_command_of_the_program_and_leaves_guests_alone() {
    let unit = read("packaging/effigy.service");
    let line = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key}"));
    effigy::cli::grammar().try_get_matches_from(line("ExecStart=").split_whitespace()).expect("a command");
    assert_eq!(line("KillMode="), "process");
    // Each of these stops QEMU: a device of the host's, code that is made as it runs, its group, its jail.
    for key in
        ["PrivateDevices", "ProtectClock", "MemoryDenyWriteExecute", "ProtectControlGroups", "RestrictNamespaces"]
    {
        assert!(!unit.lines().any(|line| line.starts_with(key)), "{key} is set");
    }
}

#[test]
fn every_command_has_a_page_and_is_completed_in_every_shell() {
    let folder = tempfile::tempdir().expect("a folder");
    let effigy = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_effigy")).args(arguments).output().expect("run the program");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    effigy(&["man", folder.path().to_str().expect("a path")]);
    let scripts = ["bash", "zsh", "fish"].map(|shell| effigy(&["completions", shell]));
    let mut commands = vec![("effigy".to_owned(), effigy::cli::grammar())];
    let mut count = 0;
    while let Some((name, command)) = commands.pop() {
        count += 1;
        assert!(folder.path().join(format!("{name}.1")).is_file(), "no page of {name}");
        for (script, sub) in scripts.iter().flat_map(|script| command.get_subcommands().map(move |sub| (script, sub))) {
            assert!(sub.is_hide_set() || script.contains(sub.get_name()), "{} is not completed", sub.get_name());
        }
        let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
        commands.extend(shown.map(|sub| (format!("{name}-{}", sub.get_name()), sub.clone())));
    }
    assert!(count > 10, "{count} commands are found");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), count, "and no other page");
}

#[test]
fn every_documented_limit_is_the_programs() {
    let page = read("docs/limits.md");
    let mut checked = 0;
    for line in page.lines().filter(|line| line.contains("` in `src/")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let documented: u64 = cells[2].parse().unwrap_or_else(|_| panic!("a number in {line}"));
        let (constant, path) = cells[4].trim_matches('`').split_once("` in `").expect("a constant in a file");
        let source = read(path);
        let text = source.lines().find_map(|line| {
            let (_, rest) = line.split_once(&format!("const {constant}: "))?;
            Some(rest.split_once(" = ")?.1.trim_end_matches(';').to_owned())
        });
        let text = text.unwrap_or_else(|| panic!("no {constant} in {path}"));
        assert_eq!(documented, number(&text), "{constant} in {path}, and docs/limits.md");
        checked += 1;
    }
    assert!(checked > 30, "{checked} limits were found");
}

/// The value of a number as the sources write it: products, quotients and shifts, from left to right.
fn number(text: &str) -> u64 {
    let mut value = 0;
    let mut operator = "";
    for word in text.split(' ') {
        match word.replace('_', "").parse::<u64>() {
            Err(_) => operator = word,
            Ok(next) => {
                value = match operator {
                    "" => next,
                    "*" => value * next,
                    "/" => value / next,
                    "<<" => value << next,
                    other => panic!("{other} in {text}"),
                }
            }
        }
    }
    value
}

/// The keys that may stand below a header, in the words of the refusal of one that may not.
fn known_in(header: &str) -> BTreeSet<String> {
    let refused = toml::from_str::<Config>(&format!("{header}not_a_setting = 1\n")).expect_err("an unknown key");
    let refused = refused.message().to_owned();
    let (_, known) = refused.split_once("expected").unwrap_or_else(|| panic!("{refused}"));
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn uncommented(line: &str) -> &str {
    match line.strip_prefix("# ") {
        Some(rest) if rest.split(' ').nth(1) == Some("=") => rest,
        _ => line,
    }
}

#[test]
fn every_bound_of_a_look_is_documented_with_its_way_out() {
    let page = read("docs/inspection.md");
    for bound in guest::BOUNDS.iter().chain(&["findings"]) {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{bound}` |")));
        assert!(
            row.is_some_and(|row| row.split('|').count() == 5),
            "{bound} is not in the table of docs/inspection.md"
        );
    }
}

#[test]
fn every_documented_command_is_one_of_the_program() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (page, line) in code_of_pages() {
        let command = line.trim_start_matches("target/release/");
        if !command.starts_with("effigy ") {
            continue;
        }
        count += 1;
        let words = command.split(" #").next().unwrap_or_default().split_whitespace();
        let words = words.take_while(|word| !["|", "…", "&"].contains(word));
        // A part of a command may be named, and its help asked for.
        let fine = [
            ErrorKind::DisplayHelp,
            ErrorKind::DisplayVersion,
            ErrorKind::MissingSubcommand,
            ErrorKind::MissingRequiredArgument,
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ];
        match effigy::cli::grammar().try_get_matches_from(words) {
            Err(error) if !fine.contains(&error.kind()) => wrong.push(format!("{page}: {line}: {error}")),
            _ => {}
        }
    }
    assert!(count >= 10, "{count} commands are found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_documented_target_of_make_exists() {
    let makefile = read("Makefile");
    let targets: BTreeSet<_> =
        makefile.lines().filter_map(|line| line.split_once(": ").map(|(name, _)| name)).collect();
    let mut count = 0;
    for (page, line) in code_of_pages() {
        let Some(rest) = line.strip_prefix("make ") else { continue };
        let target = rest.split_whitespace().next().unwrap_or_default();
        count += 1;
        assert!(targets.contains(target), "{page}: make {target}");
    }
    assert!(count >= 10, "{count} targets are found");
}

#[test]
fn every_documented_path_exists() {
    let folders = ["src/", "crates/", "tests/", "scripts/", "guests/", "docs/", "migrations/", "benches/", "console/"];
    let mut wrong = Vec::new();
    for (page, line) in code_of_pages() {
        let is_in_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        for word in line.split(|c| !is_in_path(c)) {
            let path = word.trim_end_matches(['.', '/']);
            // URLs and the files that the service makes are paths too; those of the tree are named from its root.
            let is_ours = folders.iter().any(|folder| path.starts_with(folder) && path.len() > folder.len());
            if is_ours && !root().join(path).exists() {
                wrong.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for page in every_page() {
        let text = std::fs::read_to_string(&page).expect("a page");
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            if file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            let path = if file.is_empty() { page.clone() } else { page.parent().expect("a folder").join(file) };
            let leads = if anchor.is_empty() { path.exists() } else { anchors(&path).contains(anchor) };
            if !leads {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The anchors of a page's headings, as a reader of Markdown makes them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(page).unwrap_or_default();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| -> String {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// The router names its URLs, and the program says which methods each of them has (`Allow`).
#[tokio::test(flavor = "multi_thread")]
async fn every_url_is_documented_and_every_documented_url_exists() {
    let effigy = Effigy::with("[log]\nfilter = \"warn\"\n").await;
    let mut lines = String::new();
    for url in urls() {
        lines.push_str(&format!("{:<22} {url}\n", methods_of(&effigy, &url).await));
    }
    let page = read("docs/urls.md");
    let block = page.split("```").nth(1).expect("a block of URLs").trim_start_matches('\n');
    assert!(lines == block, "docs/urls.md is to list these URLs, and lists others:\n{lines}");
}

#[test]
fn every_resource_that_there_is_none_of_is_documented_with_the_reason_that_is_answered() {
    let mut lines = String::new();
    for (api, word, why) in effigy::api::not_offered() {
        lines.push_str(&format!("| {api} | `{word}` | {why} |\n"));
    }
    let page = read("docs/api.md");
    let (_, table) = page.split_once("| API | resource | why |\n| --- | --- | --- |\n").expect("a table");
    let (table, _) = table.split_once("\n\n").expect("the end of the table");
    assert!(format!("{table}\n") == lines, "docs/api.md is to list these, and lists others:\n{lines}");
}

/// Every URL of the router, which shows them as `paths: {RouteId(0): "/healthz", …}`.
pub fn urls() -> BTreeSet<String> {
    let shown = format!("{:?}", effigy::api::every_route());
    // Behind this it keeps what answers where nothing is.
    let shown = shown.split("fallback_router").next().unwrap_or_default();
    let paths = shown.split("RouteId(").filter_map(|rest| rest.split_once("): \"")?.1.split_once('"'));
    let urls: BTreeSet<_> = paths.map(|(path, _)| path.to_owned()).filter(|path| path.starts_with('/')).collect();
    assert!(urls.len() > 200, "the router shows its URLs in another way: {shown}");
    urls
}

#[test]
fn every_page_of_the_console_is_served() {
    let source = read("console/src/paths.ts");
    let paths = source.split("export const paths = {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("paths");
    let urls = urls();
    for path in paths.split(['\'', '`']).filter(|text| text.starts_with('/') && !text.contains('?')) {
        let path = path.replace("${id}", "{id}");
        assert!(urls.contains(&path), "the program does not serve the console's page {path}");
    }
}

/// Which methods a URL has, in a fixed order.
async fn methods_of(effigy: &Effigy, url: &str) -> String {
    let parts = url.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    // No route has this method, so that nothing is done.
    let answer = Answer::of(effigy.stranger().request(Method::TRACE, &path)).await;
    let Some(allowed) = answer.header("allow") else { return "any".into() };
    let order = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    order.into_iter().filter(|method| allowed.split(',').any(|one| one == *method)).collect::<Vec<_>>().join(" ")
}

#[test]
fn no_sentence_starts_with_what_or_who() {
    let mut wrong = Vec::new();
    for page in PAGES {
        let mut is_block = false;
        for line in read(page).lines() {
            is_block ^= line.starts_with("```");
            let prose = match line.split_once('#') {
                // In a block only the comments are sentences; outside, a heading is none.
                Some((_, comment)) if is_block => comment,
                _ if is_block || line.starts_with('#') => continue,
                _ => line,
            };
            let sentences = prose.split(". ").map(|text| text.trim_start_matches(['-', '*', ' ', '#']));
            let first = |text: &str| text.split(' ').next().map(str::to_owned).unwrap_or_default();
            let starts = ["What", "Who", "Whom", "Whoever", "Whatever"];
            wrong
                .extend(sentences.filter(|text| starts.contains(&&*first(text))).map(|text| format!("{page}: {text}")));
        }
    }
    assert!(wrong.is_empty(), "name the thing (CONTRIBUTING.md):\n{}", wrong.join("\n"));
}

/// The inline code and the lines of code blocks of every page, with the page's name.
fn code_of_pages() -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for page in PAGES {
        let mut is_block = false;
        for line in read(page).lines() {
            if line.starts_with("```") {
                is_block = !is_block;
            } else if is_block {
                found.push((page, line.trim().to_owned()));
            } else {
                found.extend(line.split('`').skip(1).step_by(2).map(|code| (page, code.trim().to_owned())));
            }
        }
    }
    found
}

/// Every page of Markdown of the project.
fn every_page() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "docs/decisions", "docs/ko"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder").map(|entry| entry.expect("an entry"));
        pages
            .extend(entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "md")));
    }
    pages
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
