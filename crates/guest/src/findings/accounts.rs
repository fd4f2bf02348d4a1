//! Accounts that anybody, or whoever guesses, can sign in to.

use sha_crypt::{PasswordVerifier as _, ShaCrypt};
use yescrypt::Yescrypt;

use super::rules::{self, Rule};
use crate::files::{Files, printable};

/// passwd and shadow have a line an account.
const MAX_FILE_BYTES: usize = 256 << 10;
/// Hashes that are tried: each try takes some milliseconds, by the hash's own design.
const MAX_TRIED: usize = 3;
/// What people and installers leave as a password, tried beside the account's own name.
const WELL_KNOWN: [&str; 6] = ["password", "root", "toor", "admin", "changeme", "123456"];
/// The most rounds of a hash that is tried; the default is 5,000.
const MAX_ROUNDS: u64 = 20_000;

/// What is wrong with the accounts in a folder with `passwd` and `shadow`.
pub(super) fn look(files: &dyn Files, folder: &str) -> Vec<(&'static Rule, String)> {
    let read = |name: &str| files.text(&format!("{folder}/{name}"), MAX_FILE_BYTES).unwrap_or_default();
    let (passwd, shadow) = (read("passwd"), read("shadow"));
    let mut found = Vec::new();
    let mut tried = 0;
    for line in passwd.lines() {
        let mut fields = line.split(':');
        let (Some(name), Some(field), Some(user)) = (fields.next(), fields.next(), fields.next()) else { continue };
        // Only `x` says that the password is in the other file.
        let (file, hash) = match field {
            "x" => match shadow_field(&shadow, name) {
                Some(hash) => ("shadow", hash),
                None => continue,
            },
            hash => ("passwd", hash),
        };
        let place = format!("{folder}/{file}: {}", printable(name, 40));
        let weak = if user == "0" { &rules::ROOT_PASSWORD } else { &rules::WEAK_PASSWORD };
        if hash.is_empty() {
            found.push((weak, place));
        } else if hash.trim_start_matches('!').starts_with('$') {
            let is_open = !hash.starts_with('!');
            tried += usize::from(is_open);
            let rule =
                if is_open && tried <= MAX_TRIED && is_well_known(name, hash) { weak } else { &rules::PASSWORD_HASH };
            found.push((rule, place));
        }
    }
    found
}

fn shadow_field<'a>(shadow: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = shadow.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| (fields.next() == Some(name)).then(|| fields.next()).flatten())
}

fn is_well_known(name: &str, hash: &str) -> bool {
    let passwords = std::iter::once(name).chain(WELL_KNOWN);
    let verify: Box<dyn Fn(&str) -> bool> = match hash.split('$').nth(1) {
        Some("5" | "6") if rounds(hash) <= MAX_ROUNDS => {
            Box::new(|password| ShaCrypt::default().verify_password(password.as_bytes(), hash).is_ok())
        }
        // The cost that every distribution uses (16 MiB); another would need memory that nobody has granted.
        Some("y") if hash.starts_with("$y$j9T$") => {
            Box::new(|password| Yescrypt::default().verify_password(password.as_bytes(), hash).is_ok())
        }
        _ => return false,
    };
    passwords.into_iter().any(verify)
}

fn rounds(hash: &str) -> u64 {
    let rounds = hash.split('$').nth(2).and_then(|field| field.strip_prefix("rounds="));
    rounds.map_or(5000, |rounds| rounds.parse().unwrap_or(u64::MAX))
}
