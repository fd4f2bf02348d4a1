//! `effigy completions` and `effigy man`: what a package has beside the program, made of the grammar that the program reads.

use std::path::Path;

use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;

/// The script that completes this command line in a shell.
pub(super) fn completions(mut grammar: Command, shell: Shell) -> String {
    let name = grammar.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut grammar, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a page of man for each command that is not hidden: `effigy.1`, `effigy-admin.1`, `effigy-admin-user.1` and so on.
///
/// # Errors
/// The folder is not there, or cannot be written.
pub(super) fn pages(grammar: Command, folder: &Path) -> anyhow::Result<()> {
    clap_mangen::generate_to(grammar, folder).with_context(|| format!("cannot write pages into {}", folder.display()))
}
