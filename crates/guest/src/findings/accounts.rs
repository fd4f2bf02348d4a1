//! Accounts that anybody, or whoever guesses, can sign in to.

use sha_crypt::{PasswordVerifier as _, ShaCrypt, password_hash::Error};
use yescrypt::Yescrypt;

use super::rules::{self, Rule};
use crate::{
    bound::Bound,
    files::{Files, printable},
};

/// passwd and shadow have a line an account.
const MAX_FILE_BYTES: usize = 256 << 10;
/// Hashes that are tried, root's first: each try takes some milliseconds, by the hash's own design.
const MAX_TRIED: usize = 8;
/// Passwords that people and installers leave, tried beside the account's own name.
const WELL_KNOWN: [&str; 6] = ["password", "root", "toor", "admin", "changeme", "123456"];
/// The most rounds of a hash that is tried; the default is 5,000.
const MAX_ROUNDS: u64 = 20_000;

/// An account, and its password as `passwd` or `shadow` has it.
struct Account<'a> {
    name: &'a str,
    is_root: bool,
    file: &'static str,
    hash: &'a str,
}

/// The rules that accounts in a folder with `passwd` and `shadow` break, each with its place.
pub(super) fn look(files: &Files, folder: &str) -> Vec<(&'static Rule, String)> {
    let read = |name: &str| files.text(&format!("{folder}/{name}"), MAX_FILE_BYTES).unwrap_or_default();
    let (passwd, shadow) = (read("passwd"), read("shadow"));
    let mut accounts: Vec<Account<'_>> = passwd.lines().filter_map(|line| account(line, &shadow)).collect();
    accounts.sort_by_key(|account| !account.is_root);
    let mut found = Vec::new();
    let mut tried = 0;
    for account in &accounts {
        let Account { name, is_root, file, hash } = *account;
        let path = format!("{folder}/{file}");
        let place = format!("{path}: {}", printable(name, 40));
        let weak = if is_root { &rules::ROOT_PASSWORD } else { &rules::WEAK_PASSWORD };
        if hash.is_empty() {
            found.push((weak, place));
            continue;
        }
        if !is_hash(hash.trim_start_matches('!')) {
            continue;
        }
        // Nobody signs in with a hash that is locked.
        let is_open = !hash.starts_with('!');
        tried += usize::from(is_open);
        if is_open && tried > MAX_TRIED {
            files.meet(Bound::PasswordHashes, &path, &format!("has more than the {MAX_TRIED} hashes that are tried"));
        }
        let is_weak = is_open
            && tried <= MAX_TRIED
            && is_well_known(name, hash).unwrap_or_else(|| {
                files.meet(Bound::HashKind, &place, "has a hash of a kind or a cost that is not tried");
                false
            });
        found.push((if is_weak { weak } else { &rules::PASSWORD_HASH }, place));
    }
    found
}

fn account<'a>(line: &'a str, shadow: &'a str) -> Option<Account<'a>> {
    let mut fields = line.split(':');
    let (name, field, user) = (fields.next()?, fields.next()?, fields.next()?);
    // Only `x` says that the password is in the other file.
    let (file, hash) = match field {
        "x" => ("shadow", shadow_field(shadow, name)?),
        hash => ("passwd", hash),
    };
    Some(Account { name, is_root: user.parse() == Ok(0), file, hash })
}

/// Whether this can be a hash of a password: any of those with their kind before them, or one of the two of old, which
/// have a length of their own (`man 5 crypt`: descrypt and bsdicrypt).
fn is_hash(field: &str) -> bool {
    let is_of = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/')
    };
    field.starts_with('$') || is_of(field, 13) || field.strip_prefix('_').is_some_and(|rest| is_of(rest, 19))
}

fn shadow_field<'a>(shadow: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = shadow.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| (fields.next() == Some(name)).then(|| fields.next()).flatten())
}

/// Whether a hash is of a well-known password; `None` for a hash that is not tried.
fn is_well_known(name: &str, hash: &str) -> Option<bool> {
    let verify = |password: &str| match hash.split('$').nth(1) {
        Some("5" | "6") if rounds(hash) <= MAX_ROUNDS => ShaCrypt::default().verify_password(password.as_bytes(), hash),
        // The cost that every distribution uses (16 MiB); another would need memory that nobody has granted.
        Some("y") if hash.starts_with("$y$j9T$") => Yescrypt::default().verify_password(password.as_bytes(), hash),
        _ => Err(Error::Algorithm),
    };
    for password in std::iter::once(name).chain(WELL_KNOWN) {
        match verify(password) {
            Ok(()) => return Some(true),
            Err(Error::PasswordInvalid) => {}
            Err(_) => return None,
        }
    }
    Some(false)
}

fn rounds(hash: &str) -> u64 {
    let rounds = hash.split('$').nth(2).and_then(|field| field.strip_prefix("rounds="));
    rounds.map_or(5000, |rounds| rounds.parse().unwrap_or(u64::MAX))
}
