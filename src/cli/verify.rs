//! `effigy verify`: checks the signed verification of an image, offline.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use crate::inspect::{
    Verdict,
    statement::{self, Predicate, VerifyingKey},
};

/// The largest statement that is read.
const MAX_STATEMENT_BYTES: u64 = 4 << 20;

/// The files to look at.
#[derive(Args, Debug)]
pub(super) struct Wanted {
    /// The statement, as `/effigy/v1/images/{id}/verification` answers it.
    statement: PathBuf,
    /// The deployment's public key (PEM); without, the one in the data folder.
    #[arg(long)]
    key: Option<PathBuf>,
    /// The image's file, to compare with the statement.
    #[arg(long)]
    image: Option<PathBuf>,
}

/// Checks a statement, and a file against it when one is given.
///
/// # Errors
/// Why it is not believed.
pub(super) fn run(wanted: &Wanted, data: &Path) -> anyhow::Result<String> {
    let key = match &wanted.key {
        Some(path) => VerifyingKey::from_pem_file(path)?,
        None => VerifyingKey::of_data_folder(data).context("name the deployment's public key with --key")?,
    };
    let read = key.read(&envelope(&wanted.statement)?)?;
    anyhow::ensure!(
        read.is_current(),
        "it is stale: made by rules {}.{}, and this Effigy has {}.{}",
        read.predicate.format_rules,
        read.predicate.guest_rules,
        statement::FORMAT_RULES,
        statement::GUEST_RULES
    );
    if let Some(path) = &wanted.image {
        let expected = read.subject.file_sha512.as_deref().context("it names no file's SHA-512 to compare with")?;
        anyhow::ensure!(sha512(path)? == expected, "{} is not the file that it is about", path.display());
    }
    let Predicate { verdict, reasons, verified_at, verifier, .. } = &read.predicate;
    anyhow::ensure!(*verdict == Verdict::Passed, "the image did not pass: {}", reasons.join(" "));
    Ok(format!("image {} passed on {verified_at} ({verifier}), disk {}\n", read.subject.image, read.subject.disk_root))
}

/// The signed envelope in a file: by itself, or inside the API's answer.
fn envelope(path: &Path) -> anyhow::Result<String> {
    let cannot_read = || format!("cannot read {}", path.display());
    let size = fs::metadata(path).with_context(cannot_read)?.len();
    anyhow::ensure!(size <= MAX_STATEMENT_BYTES, "{} is larger than any statement", path.display());
    let text = fs::read_to_string(path).with_context(cannot_read)?;
    let answer: Value = serde_json::from_str(&text).context("it is not JSON")?;
    Ok(answer.get("statement").map_or(text, Value::to_string))
}

fn sha512(path: &Path) -> anyhow::Result<String> {
    let mut hasher = openssl::hash::Hasher::new(openssl::hash::MessageDigest::sha512())?;
    std::io::copy(&mut fs::File::open(path)?, &mut hasher)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hasher.finish()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
