//! Reads the sources and holds them to the invariants 1 to 5 of ARCHITECTURE.md.
//!
//! It looks at code only: comments and the insides of strings are blanked first, so that a file may
//! speak of what it must not use.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// A file is one screen of thought; past this it is two files.
const FILE_LINES: usize = 600;
/// A function is one paragraph; clippy counts the same way.
const FUNCTION_LINES: usize = 70;
/// A handler parses, calls one room function and renders.
const HANDLER_LINES: usize = 40;

/// One source file.
struct Source {
    /// Its path from the root of the project, with `/`.
    path: String,
    text: String,
    /// The text with comments and strings blanked, line for line.
    code: String,
}

impl Source {
    /// The code that is built into the program: a file's own tests may start `qemu-io` or speak HTTP.
    fn built(&self) -> &str {
        if self.path.ends_with("/tests.rs") { "" } else { self.code.split("#[cfg(test)]").next().unwrap_or_default() }
    }
}

#[test]
fn http_stays_in_the_api() {
    only_in(&["axum", "http", "tower"], &["src/api/", "src/app.rs"]);
    only_in(&["utoipa", "utoipa_axum"], &["src/api/"]);
    // The three clients there are: one fetches images from where people say, one asks the operator's Keystone, and one reaches a
    // cloud as its users do, the Glance whose images come over among them.
    only_in(&["hyper"], &["src/api/", "src/fetch/", "src/keystone/", "src/remote/", "src/glance/"]);
    only_in(&["reqwest"], &["src/stores/s3.rs"]);
}

#[test]
fn sql_stays_in_db() {
    only_in(&["sqlx"], &["src/db/"]);
    refuse(&sources("src"), |source| {
        let foreign = !source.path.starts_with("src/db/");
        let lines = source.text.lines().enumerate();
        let query = |line: &str| {
            ["\"select ", "\"insert into ", "\"update ", "\"delete from "].iter().any(|verb| line.contains(verb))
        };
        lines
            .filter(|(_, line)| foreign && query(line))
            .map(|(n, _)| format!("line {}: SQL outside src/db", n + 1))
            .collect()
    });
}

#[test]
fn processes_start_in_only_two_places() {
    // QEMU (the probe of the accelerator and of its version are of the same file's kind), and this program itself
    // again, to look into a disk (docs/decisions/0012-looking-inside.md).
    refuse(&sources("src"), |source| {
        let starts = source.built().contains("Command::new(");
        let allowed = source.path.starts_with("src/instances/qemu") || source.path == "src/inspect/process.rs";
        if starts && !allowed { vec!["starts a process where none is started".into()] } else { Vec::new() }
    });
}

#[test]
fn nobody_uses_the_api() {
    refuse(&sources("src"), |source| {
        let may =
            source.path.starts_with("src/api/") || ["src/app.rs", "src/main.rs", "src/lib.rs"].contains(&&*source.path);
        if may { Vec::new() } else { uses(source, &["crate::api", "effigy::api"]) }
    });
}

#[test]
fn db_uses_no_room() {
    uses_only("src/db", &["db", "model", "ids", "error", "background", "Error", "Result"]);
}

#[test]
fn model_uses_only_ids_and_errors() {
    uses_only("src/model", &["model", "ids", "error", "Error", "Result"]);
}

/// Fails when a file of this folder uses another part of the program than these.
#[track_caller]
fn uses_only(folder: &str, allowed: &[&str]) {
    refuse(&sources(folder), |source| {
        crate_names(source)
            .into_iter()
            .filter(|name| !allowed.contains(&name.as_str()))
            .map(|name| format!("uses crate::{name}"))
            .collect()
    });
}

/// The floors of `src`, the lowest first. Each uses only floors below it, so no two can use each other in a circle.
const FLOORS: [&str; 24] = [
    "ids",
    "tls",
    "background",
    "error",
    "config",
    "model",
    "db",
    "stores",
    "keystone",
    "remote",
    "identity",
    "fetch",
    "metadefs",
    "inspect",
    "queue",
    "exports",
    "images",
    "glance",
    "instances",
    "jobs",
    "api",
    "ballast",
    "app",
    "cli",
];

#[test]
fn floors_use_the_floors_below_them() {
    let place = |name: &str| FLOORS.iter().position(|floor| *floor == name);
    refuse(&sources("src"), |source| {
        let floor = source.path["src/".len()..].split('/').next().unwrap_or_default().trim_end_matches(".rs");
        if ["main", "lib"].contains(&floor) {
            return Vec::new();
        }
        let Some(own) = place(floor) else { return vec![format!("{floor} has no place among the floors")] };
        // Names that are no floor are what lib.rs exports of one: Error and Result.
        let above = crate_names(source).into_iter().filter(|name| place(name).is_some_and(|other| other > own));
        above.map(|name| format!("uses {name}, which lies above it")).collect()
    });
}

#[test]
fn one_statement_makes_an_image_active() {
    let writes: Vec<_> = sources("src/db")
        .into_iter()
        .flat_map(|source| {
            let text = source.text.replace("\\\n", " ");
            let count = text.matches("set status = 'active'").count();
            std::iter::repeat_n(source.path, count)
        })
        .collect();
    assert_eq!(writes, ["src/db/fills.rs"], "the last step of a fill, and no other statement, makes an image active");
}

#[test]
fn config_is_read_by_cli_and_app_only() {
    // A room takes its own section; the whole is nobody else's.
    refuse(&sources("src"), |source| {
        if source.path.starts_with("src/cli/") || ["src/app.rs", "src/config.rs"].contains(&&*source.path) {
            return Vec::new();
        }
        uses(source, &["config::Config", "Config::load", "config::*"])
    });
}

#[test]
fn sentences_in_comments_begin_with_their_subject() {
    let mut wrong = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["src", "crates", "tests", "benches", "fuzz", "scripts", "guests", "console/src", "console/e2e"]
            .map(|folder| root().join(folder))
            .into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if ["rs", "ts", "tsx", "css", "c", "sh", "py"].contains(&ending) {
                let text = std::fs::read_to_string(&path).expect("a source file");
                let mark = if ["sh", "py"].contains(&ending) { "#" } else { "//" };
                wrong.extend(
                    text.lines()
                        .filter_map(|line| riddle(line, mark))
                        .map(|said| format!("{}: {said}", path.display())),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "name the thing (CONTRIBUTING.md):\n{}", wrong.join("\n"));
}

/// The comment of a line, if one of its sentences names nothing.
fn riddle<'l>(line: &'l str, mark: &str) -> Option<&'l str> {
    let whole = line.trim_start();
    let is_comment = [mark, "/*", "* "].iter().any(|mark| whole.starts_with(mark));
    let comment = if is_comment { whole } else { whole.split_once(&format!(" {mark} "))?.1 };
    let comment = comment.trim_start_matches(['/', '*', '!', '#', ' ']);
    let first = |sentence: &str| sentence.split(' ').next().unwrap_or_default().to_owned();
    let is_riddle = |sentence: &str| ["What", "Who", "Whom", "Whoever", "Whatever"].contains(&&*first(sentence));
    comment.split(". ").any(is_riddle).then_some(comment)
}

#[test]
fn files_and_functions_are_short() {
    refuse(&everything(), |source| {
        let lines = source.text.lines().count();
        let mut wrong = Vec::new();
        if lines > FILE_LINES {
            wrong.push(format!("{lines} lines; {FILE_LINES} at most"));
        }
        for function in functions(&source.code) {
            let limit = if is_handler(source, &function) { HANDLER_LINES } else { FUNCTION_LINES };
            if function.lines > limit {
                let Function { name, line, lines, .. } = function;
                wrong.push(format!("line {line}: fn {name} has {lines} lines; {limit} at most"));
            }
        }
        wrong
    });
}

#[test]
fn every_file_says_what_it_is() {
    refuse(&everything(), |source| {
        if source.text.starts_with("//!") || source.text.starts_with("#!") {
            Vec::new()
        } else {
            vec!["does not begin with `//!`".into()]
        }
    });
}

#[test]
fn public_functions_of_the_program_are_documented() {
    // The compiler asks it of the leaf crates, there of every field too.
    refuse(&sources("src"), |source| {
        let lines: Vec<&str> = source.text.split("#[cfg(test)]").next().unwrap_or_default().lines().collect();
        let is_public = |line: &str| {
            let line = line.trim_start();
            ["pub fn ", "pub async fn ", "pub const fn "].iter().any(|start| line.starts_with(start))
        };
        let is_documented = |at: usize| {
            let mut above = lines[..at].iter().rev().map(|line| line.trim_start());
            above.find(|line| !line.starts_with("#[")).is_some_and(|line| line.starts_with("///"))
        };
        let public = (0..lines.len()).filter(|at| is_public(lines[*at]));
        public.filter(|at| !is_documented(*at)).map(|at| format!("line {}: {}", at + 1, lines[at].trim())).collect()
    });
}

#[test]
fn leaf_crates_stand_alone() {
    let leaves = ["chunks", "nbd", "disks", "guest"];
    for leaf in leaves {
        let manifest = std::fs::read_to_string(root().join(format!("crates/{leaf}/Cargo.toml"))).expect("a manifest");
        let outside =
            manifest.lines().find(|line| line.contains("path =") || line.contains("path=") && !line.contains("src/"));
        let outside = outside.filter(|line| line.contains("../") || line.contains("crates/"));
        assert!(outside.is_none(), "crates/{leaf} depends on a neighbour: {outside:?}");
        refuse(&sources(&format!("crates/{leaf}")), |source| {
            let others: Vec<_> =
                leaves.iter().filter(|other| **other != leaf).map(|other| format!("{other}::")).collect();
            let mut names: Vec<&str> = others.iter().map(String::as_str).collect();
            names.push("effigy::");
            uses(source, &names)
        });
    }
}

#[test]
fn names_are_nouns_of_the_glossary() {
    let banned = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "stuff"];
    refuse(&everything(), |source| {
        let mut wrong = Vec::new();
        let file = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        if words(file).iter().any(|word| banned.contains(&word.as_str())) {
            wrong.push(format!("a file called {file}"));
        }
        for keyword in ["struct ", "enum ", "trait ", "mod ", "type "] {
            for name in defined(&source.code, keyword) {
                if words(&name).iter().any(|word| banned.contains(&word.as_str())) {
                    wrong.push(format!("{keyword}{name}"));
                }
            }
        }
        wrong
    });
}

#[test]
fn nothing_is_left_for_later() {
    // Joined here so that this file does not find itself.
    let marks = ["TO", "FIX", "XX", "HA"]
        .iter()
        .zip(["DO", "ME", "X", "CK"])
        .map(|(a, b)| format!("{a}{b}"))
        .collect::<Vec<_>>();
    refuse(&everything(), |source| {
        let mut wrong = Vec::new();
        for (n, line) in source.text.lines().enumerate() {
            if marks.iter().any(|mark| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == mark)) {
                wrong.push(format!("line {}: {}", n + 1, line.trim()));
            }
        }
        for macro_name in ["todo!", "unimplemented!", "#[ignore"] {
            if source.code.contains(macro_name) {
                wrong.push(format!("has {macro_name}"));
            }
        }
        wrong
    });
}

#[test]
fn migrations_have_the_same_names_for_both_databases() {
    let names = |database: &str| -> BTreeSet<String> {
        let folder = std::fs::read_dir(root().join("migrations").join(database)).expect("a folder of migrations");
        folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

// ---- reading ----

trait ConcatSources {
    fn concat_sources(self) -> Vec<Source>;
}

impl<const N: usize> ConcatSources for [Vec<Source>; N] {
    fn concat_sources(self) -> Vec<Source> {
        self.into_iter().flatten().collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under a folder of the project.
fn sources(folder: &str) -> Vec<Source> {
    let mut folders = vec![root().join(folder)];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("a source file");
        let path = path.strip_prefix(root()).expect("inside the project").to_string_lossy().replace('\\', "/");
        Source { path, code: code_of(&text), text }
    };
    files.iter().map(read).collect()
}

/// Every Rust file that is ours.
fn everything() -> Vec<Source> {
    [sources("src"), sources("crates"), sources("tests"), sources("benches")].concat_sources()
}

/// Fails with everything that is wrong in any of the files.
#[track_caller]
fn refuse(sources: &[Source], wrong: impl Fn(&Source) -> Vec<String>) {
    let all: Vec<_> = sources
        .iter()
        .flat_map(|source| wrong(source).into_iter().map(|what| format!("{}: {what}", source.path)))
        .collect();
    assert!(all.is_empty(), "{} findings:\n{}", all.len(), all.join("\n"));
}

/// Fails when one of these crates is used in `src` outside the allowed places.
#[track_caller]
fn only_in(crates: &[&str], places: &[&str]) {
    let paths: Vec<_> = crates.iter().map(|name| format!("{name}::")).collect();
    let names: Vec<_> = paths.iter().map(String::as_str).collect();
    refuse(&sources("src"), |source| {
        if places.iter().any(|place| source.path.starts_with(place)) { Vec::new() } else { uses(source, &names) }
    });
}

/// The lines of code that name one of these paths.
fn uses(source: &Source, paths: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (n, line) in source.built().lines().enumerate() {
        for path in paths {
            let mut from = 0;
            while let Some(at) = line[from..].find(path).map(|at| from + at) {
                let before = line[..at].chars().next_back();
                let inside = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
                if !inside {
                    found.push(format!("line {}: {}", n + 1, line.trim()));
                }
                from = at + path.len();
            }
        }
    }
    found
}

/// The first name after each `crate::`, those in braces too.
fn crate_names(source: &Source) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rest in source.built().split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(identifier(rest));
            continue;
        };
        let (mut depth, mut fresh) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => fresh = true,
                _ if fresh && c.is_alphabetic() => {
                    names.insert(identifier(&list[at..]));
                    fresh = false;
                }
                _ => {}
            }
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The names that a keyword defines.
fn defined(code: &str, keyword: &str) -> Vec<String> {
    let starts = |line: &str| {
        let line = line.trim_start();
        let line = line
            .strip_prefix("pub ")
            .or_else(|| line.split_once(") ").filter(|(head, _)| head.starts_with("pub(")).map(|(_, rest)| rest))
            .unwrap_or(line);
        line.strip_prefix(keyword).map(identifier)
    };
    code.lines().filter_map(starts).collect()
}

/// The words of a name, in either case style.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c == '-' || c.is_uppercase() {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("one").push(c.to_ascii_lowercase());
        }
    }
    words
}

/// One function in a file.
struct Function {
    name: String,
    line: usize,
    lines: usize,
    signature: String,
}

/// A handler takes what every handler takes, or the rooms alone when nobody needs to be known.
fn is_handler(source: &Source, function: &Function) -> bool {
    let takes = |word: &str| function.signature.contains(word);
    source.path.starts_with("src/api/") && (takes(": Asked") || takes("State("))
}

/// Every function with a body, from its `fn` to its closing brace.
fn functions(code: &str) -> Vec<Function> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_') {
            continue;
        }
        let name = identifier(&code[at + 3..]);
        let Some(open) = body_of(code, at) else { continue };
        if name.is_empty() {
            continue;
        }
        let mut depth = 0;
        let close = code[open..].char_indices().find_map(|(offset, c)| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            (depth == 0).then_some(open + offset)
        });
        let Some(close) = close else { continue };
        let line = code[..at].lines().count().max(1);
        let lines = code[at..=close].lines().count();
        found.push(Function { name, line, lines, signature: code[at..open].to_owned() });
    }
    found
}

/// Where the body of the function that begins at `at` opens; none for a declaration.
fn body_of(code: &str, at: usize) -> Option<usize> {
    let mut round = 0;
    for (offset, c) in code[at..].char_indices() {
        match c {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            ';' if round == 0 => return None,
            '{' if round == 0 => return Some(at + offset),
            _ => {}
        }
    }
    None
}

/// The text with comments, strings and character literals blanked; line breaks stay.
fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => find(text, at + 2, "*/"),
            b'"' => string_end(bytes, at + 1),
            b'r' if !preceded_by_word(bytes, at) => match raw_string_end(text, at) {
                Some(end) => end,
                None => at,
            },
            b'\'' => character_end(text, at),
            _ => at,
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(code).unwrap_or_default()
}

fn preceded_by_word(bytes: &[u8], at: usize) -> bool {
    // `br"…"` is a raw string too.
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() && bytes[at - 1] != b'b' || bytes[at - 1] == b'_')
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |n| at + n)
}

fn find(text: &str, at: usize, what: &str) -> usize {
    text.as_bytes()[at..]
        .windows(what.len())
        .position(|w| w == what.as_bytes())
        .map_or(text.len(), |n| at + n + what.len())
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

fn raw_string_end(text: &str, at: usize) -> Option<usize> {
    let hashes = text.as_bytes()[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let quote = at + 1 + hashes;
    (text.as_bytes().get(quote) == Some(&b'"')).then(|| find(text, quote + 1, &format!("\"{}", "#".repeat(hashes))))
}

/// The end of a character literal, or `at` for a lifetime.
fn character_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes.get(at + 1) == Some(&b'\\') {
        return find(text, at + 3, "'");
    }
    let width = text[at + 1..].chars().next().map_or(0, char::len_utf8);
    if bytes.get(at + 1 + width) == Some(&b'\'') { at + width + 2 } else { at }
}
