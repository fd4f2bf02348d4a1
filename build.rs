//! Lists the built console's files, if there are any, so that they become part of the program.
//!
//! `cargo build` alone works without Node: then the list is empty, and the page at `/` says how to build the console.

use std::{env, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn std::error::Error>> {
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
