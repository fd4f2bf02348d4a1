//! File calls that fail: `tests/faults/faults.c`, preloaded into the program under test.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The faults of one service; `docs/reliability.md` tells how a person uses the same library.
#[derive(Clone)]
pub struct Faults(PathBuf);

impl Faults {
    /// No faults yet, steered by a file in this folder.
    pub fn in_folder(folder: &Path) -> Faults {
        Faults(folder.join("faults"))
    }

    /// Starts a program that these faults reach.
    pub fn reach(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library()).env("FAULTS", &self.0);
    }

    /// Lays these rules in place of the earlier ones: `CALL PATH WHEN OUTCOME`, as the library explains.
    pub fn lay(&self, rules: &str) {
        let _ = std::fs::remove_file(self.fired_file());
        // A rename, so that the program never reads half a rule.
        let new = self.0.with_extension("new");
        std::fs::write(&new, format!("{rules}\n")).expect("write the rules");
        std::fs::rename(&new, &self.0).expect("lay the rules");
    }

    /// Takes all rules away.
    pub fn lift(&self) {
        self.lay("");
    }

    /// The faults since the rules were laid, a line each.
    pub fn fired(&self) -> String {
        std::fs::read_to_string(self.fired_file()).unwrap_or_default()
    }

    fn fired_file(&self) -> PathBuf {
        self.0.with_extension("fired")
    }
}

/// The library, compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (library, new) = (folder.join("libfaults.so"), folder.join(format!("faults-{}.so", std::process::id())));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/faults.c");
        let mut compile = Command::new("cc");
        compile.args(["-Wall", "-shared", "-fPIC", "-O2", "-o"]).arg(&new).arg(source);
        let output = compile.output().expect("cc; scripts/install.sh build installs it");
        assert!(output.status.success(), "cc: {}", super::http::shown(&output));
        std::fs::rename(&new, &library).expect("put the library there");
        library
    })
}
