//! Passwords: argon2id, in bounded memory, off the async threads.
//!
//! No answer, and no answer's time, tells whether a user exists: where there is no hash to compare with, a
//! decoy of the same cost is compared instead.

use std::{fmt, net::IpAddr, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::SaltString,
};

use super::turns::{Turn, Turns};
use crate::{
    config::MADE_PASSWORD_CHARS,
    error::{Error, Result},
};

/// 19 MiB, two passes, one lane: OWASP's first choice for argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Hashes at once: two keep two cores busy and hold 38 MiB at most.
const AT_ONCE: usize = 2;
/// Further ones that may wait, some seconds' worth of hashing; beyond, the service says that it is busy.
const WAITING: usize = 256;
/// Guesses after which a password is not known any more: what a lock of five tries a quarter of an hour holds up for
/// years, from a hundred addresses at once.
const KNOWN_WITHIN: u64 = 100_000_000;
/// The longest password, in bytes. argon2 takes any length; this bounds the work.
pub const MAX_PASSWORD_BYTES: usize = 4096;

/// A secret on its way through; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        // serde's own words for a wrong type would repeat the value.
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Secret(text)),
            _ => Err(serde::de::Error::custom("a secret must be a string")),
        }
    }
}

/// Hashes and compares passwords.
#[derive(Clone)]
pub(super) struct Passwords {
    pub(super) turns: Turns,
    decoy: Arc<str>,
    min_chars: usize,
}

impl Passwords {
    /// `min_chars`: the fewest characters of a password that a person chooses.
    pub(super) fn new(min_chars: usize) -> Passwords {
        Passwords { turns: Turns::new(AT_ONCE, WAITING), decoy: decoy().into(), min_chars }
    }

    /// Hashes the password that was chosen for the user of these `own` words, its name and the like, in a turn of this
    /// address.
    ///
    /// # Errors
    /// `Invalid` when it is too short or too long, or when guessers come upon it early: by lists of common passwords,
    /// words and names, by patterns of the keyboard, by the user's own words.
    pub(super) async fn choose(&self, password: &Secret, own: &[&str], share: IpAddr) -> Result<String> {
        let min_chars = self.min_chars;
        if password.0.chars().count() < min_chars {
            return Err(Error::Invalid(format!("A password has at least {min_chars} characters.")));
        }
        let own: Vec<_> = own.iter().map(|word| (*word).to_owned()).collect();
        self.hashed(password, share, move |password| refuse_known(password, &own)).await
    }

    /// Hashes the secret of a program, in a turn of this address.
    ///
    /// # Errors
    /// `Invalid` when it is empty or too long.
    pub(super) async fn hash(&self, secret: &Secret, share: IpAddr) -> Result<String> {
        self.hashed(secret, share, |_| Ok(())).await
    }

    async fn hashed(
        &self,
        password: &Secret,
        share: IpAddr,
        judge: impl FnOnce(&str) -> Result<()> + Send + 'static,
    ) -> Result<String> {
        if password.0.is_empty() || password.0.len() > MAX_PASSWORD_BYTES {
            return Err(Error::Invalid(format!("a password has 1 to {MAX_PASSWORD_BYTES} bytes")));
        }
        let password = password.clone();
        let hashed = self.run(share, move || {
            judge(&password.0)?;
            let salt = SaltString::encode_b64(&super::tokens::random::<16>()).map_err(internal)?;
            Ok(argon2()?.hash_password(password.0.as_bytes(), &salt).map_err(internal)?.to_string())
        });
        Ok(hashed.await?.0)
    }

    /// Whether the password is the hashed one; without a hash the answer is no, after the same time.
    ///
    /// Keep the turn until the verdict is written down: the next guess is then judged by what this one counted.
    pub(super) async fn verify(&self, hash: Option<&str>, password: &Secret, share: IpAddr) -> Result<(bool, Turn)> {
        let known = hash.is_some();
        let hash: Arc<str> = hash.map_or_else(|| self.decoy.clone(), Arc::from);
        // A password that is too long is cut and compared all the same: it must cost as much as any other.
        let fits = password.0.len() <= MAX_PASSWORD_BYTES;
        let tried = password.0.as_bytes()[..password.0.len().min(MAX_PASSWORD_BYTES)].to_vec();
        let (equal, turn) = self
            .run(share, move || {
                let hash = PasswordHash::new(&hash).map_err(internal)?;
                Ok(argon2()?.verify_password(&tried, &hash).is_ok())
            })
            .await?;
        Ok((equal && fits && known, turn))
    }

    async fn run<T: Send + 'static>(
        &self,
        share: IpAddr,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<(T, Turn)> {
        let turn = self.turns.take(share).await?;
        // The turn goes with the work: a request that is given up must not let another hash in beside it.
        tokio::task::spawn_blocking(move || work().map(|done| (done, turn))).await.map_err(Error::internal)?
    }
}

/// Refuses what a guesser has tried within [`KNOWN_WITHIN`] guesses.
fn refuse_known(password: &str, own: &[String]) -> Result<()> {
    // The words that stand for us are as near to a guesser's hand as the user's own.
    let near: Vec<&str> = own.iter().map(String::as_str).chain(["effigy", "openstack"]).collect();
    if zxcvbn::zxcvbn(password, &near).guesses() < KNOWN_WITHIN {
        return Err(Error::Invalid("This password is among the first that are guessed: choose another, such as four or more words that do not belong together.".into()));
    }
    Ok(())
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A well-formed hash that no password has.
fn decoy() -> String {
    let salt = base64(&super::tokens::random::<16>());
    let hash = base64(&super::tokens::random::<32>());
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${hash}")
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}

fn internal(error: impl fmt::Display) -> Error {
    Error::Internal(anyhow::anyhow!("password hashing: {error}"))
}

/// A generated password: 24 letters and digits, about 142 bits.
pub fn generate() -> Secret {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::new();
    while text.len() < MADE_PASSWORD_CHARS {
        let [byte] = super::tokens::random::<1>();
        // Bytes that fall outside are thrown away, so that every letter is as likely.
        if let Some(letter) = LETTERS.get(usize::from(byte & 63)) {
            text.push(char::from(*letter));
        }
    }
    Secret(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn only_the_whole_password_is_the_password() {
        let passwords = Passwords::new(12);
        let long = "x".repeat(100);
        let hash = passwords.hash(&Secret::new(format!("{long}1")), HERE).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify(Some(&hash), &Secret::new(format!("{long}1")), HERE).await.unwrap().0);
        for wrong in [long.clone(), format!("{long}2"), format!("{long}1\0"), String::new(), "x".repeat(1 << 20)] {
            assert!(!passwords.verify(Some(&hash), &Secret::new(wrong), HERE).await.unwrap().0);
        }
        assert!(!passwords.verify(None, &Secret::new(long), HERE).await.unwrap().0);
    }

    #[tokio::test]
    async fn composed_and_decomposed_letters_are_different_passwords() {
        let passwords = Passwords::new(12);
        let hash = passwords.hash(&Secret::new("caf\u{e9}"), HERE).await.unwrap();
        assert!(!passwords.verify(Some(&hash), &Secret::new("cafe\u{301}"), HERE).await.unwrap().0);
    }

    #[tokio::test]
    async fn an_empty_or_huge_password_cannot_be_set() {
        let passwords = Passwords::new(12);
        for bad in [String::new(), "x".repeat(MAX_PASSWORD_BYTES + 1)] {
            assert!(matches!(passwords.hash(&Secret::new(bad), HERE).await, Err(Error::Invalid(_))));
        }
    }

    #[tokio::test]
    async fn a_short_or_known_password_is_not_chosen() {
        let passwords = Passwords::new(12);
        let own = ["margarethe", "grete@example.org"];
        for bad in [
            "",
            "x7Gq0vLz2Rp",
            "passwordpassword",
            "Password1234!",
            "123456789012",
            "qwertyuiopas",
            "aaaaaaaaaaaaaaaa",
            "margarethe1999",
            "grete@example.org",
            "OpenStack2026",
            "abcdefghijklmnop",
            "P@ssw0rd2024!",
            "letmeinletmein",
            "admin1234567",
            "iloveyou1234",
        ] {
            let refused = passwords.choose(&Secret::new(bad), &own, HERE).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{bad}: {refused:?}");
        }
        for good in
            ["x7Gq0vLz2RpK", "correct horse battery", "set by the admin", "four tired clouds sing", generate().expose()]
        {
            passwords.choose(&Secret::new(good), &own, HERE).await.unwrap();
        }
        // Characters are counted, not bytes.
        assert!(passwords.choose(&Secret::new("\u{ac00}\u{b098}\u{b2e4}\u{b77c}"), &own, HERE).await.is_err());
    }

    #[test]
    fn generated_passwords_are_plain_and_differ() {
        let (a, b) = (generate(), generate());
        assert_ne!(a, b);
        assert!(a.expose().bytes().all(|c| c.is_ascii_alphanumeric()));
        assert_eq!(format!("{a:?}"), "***");
    }
}
