//! Lists the built console's files, if there are any, so that they become part of the program, and finds the program's version.
//!
//! `cargo build` alone works without Node: then the list is empty, and the page at `/` says how to build the console.

use std::{env, fmt::Write as _, fs, path::Path, process::Command};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rustc-env=EFFIGY_VERSION={}", version());
    let built = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("console/dist");
    // A watched path that is not there would run this at every build, so without a built console its folder is watched.
    let watched = if built.is_dir() { built.as_path() } else { built.parent().expect("dist lies in a folder") };
    println!("cargo:rerun-if-changed={}", watched.display());
    let mut files = Vec::new();
    collect(&built, &built, &mut files)?;
    files.sort();
    let out = env::var("OUT_DIR")?;
    let mut list = String::from("&[\n");
    for (n, (name, path)) in files.iter().enumerate() {
        println!("cargo:rerun-if-changed={path}");
        // A copy of our own: the console may be built anew while the compiler still reads.
        let copy = Path::new(&out).join(format!("console-{n}"));
        fs::copy(path, &copy)?;
        writeln!(list, "    ({name:?}, include_bytes!({copy:?})),")?;
    }
    list.push_str("]\n");
    fs::write(Path::new(&out).join("console.rs"), list)?;
    Ok(())
}

/// The version: `EFFIGY_VERSION` where it is set, else of a release build in a clone git's word, else Cargo's.
///
/// ```text
/// 0.2.0                                the commit of the tag v0.2.0
/// 0.2.0+git20261129084230.7c46c21      a commit after it, by its time (UTC)
/// 0.1.0-git20261129084230.7c46c21      a commit before the first tag: this sorts before the release of that version
/// ```
///
/// Builds for work and tests do not ask git: each commit would compile the program anew.
fn version() -> String {
    println!("cargo:rerun-if-env-changed=EFFIGY_VERSION");
    let said = env::var("EFFIGY_VERSION").ok().filter(|version| !version.is_empty());
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    said.or_else(|| is_release.then(version_by_git).flatten()).unwrap_or_else(|| env!("CARGO_PKG_VERSION").into())
}

/// `None`: there is no git, or this is not the root of a clone, but say a release's sources within a clone of something else.
fn version_by_git() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().ok()?;
    if Path::new(&git(&["rev-parse", "--show-toplevel"])?) != root {
        return None;
    }
    for name in ["HEAD", "logs/HEAD", "packed-refs", "refs/tags"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        // One that is not there would run this at every build.
        if root.join(&path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let tag = |options: &[&str]| {
        let tag = git(&[&["describe", "--tags", "--match", "v[0-9]*"], options].concat())?;
        tag.strip_prefix('v').map(str::to_owned)
    };
    if let Some(release) = tag(&["--exact-match"]) {
        return Some(release);
    }
    let stamp = git(&["log", "-1", "--abbrev=7", "--date=format-local:%Y%m%d%H%M%S", "--format=%cd.%h"])?;
    Some(match tag(&["--abbrev=0"]) {
        Some(release) => format!("{release}+git{stamp}"),
        None => format!("{}-git{stamp}", env!("CARGO_PKG_VERSION")),
    })
}

fn git(arguments: &[&str]) -> Option<String> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let output = Command::new("git").args(arguments).current_dir(folder).env("TZ", "UTC").output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !said.trim().is_empty()).then(|| said.trim().to_owned())
}

/// Every file below `folder`, by its path from `root`.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) -> std::io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            files.push((name.to_string_lossy().replace('\\', "/"), path.to_string_lossy().into_owned()));
        }
    }
    Ok(())
}
