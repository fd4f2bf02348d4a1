//! Key pairs: the public half of a key that its user signs in to instances with.
//!
//! The private half of a key made here is in the answer to its making, once, and nowhere else.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{bn::BigNumRef, hash::MessageDigest, rsa::Rsa};

use crate::{
    db::Database,
    error::{Error, Result},
    identity::{Caller, policy},
    ids::UserId,
};

pub use crate::model::key_pair::KeyPair;

/// The size of an RSA key made here (Nova's).
const RSA_BITS: u32 = 2048;
/// The longest public key: room for an RSA key of 16,384 bits and its comment.
const PUBLIC_KEY_CHARS: usize = 8192;
/// The longest name (Nova's column).
const NAME_CHARS: usize = 255;
/// The keys that sshd takes.
const KINDS: [&str; 8] = [
    "ssh-rsa",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-dss",
];

/// The key pairs of every user. Cheap to clone.
#[derive(Clone)]
pub struct KeyPairs {
    db: Database,
    quota: u64,
}

impl KeyPairs {
    /// Opens the key pairs; a user may have `quota` of them.
    pub fn new(db: Database, quota: u64) -> KeyPairs {
        KeyPairs { db, quota }
    }

    /// A page of the user's key pairs by name, after `marker`; the caller's own unless the admin names another user.
    ///
    /// # Errors
    /// `Invalid` when no key pair is called `marker`.
    pub async fn list(
        &self,
        caller: &Caller,
        user: Option<UserId>,
        marker: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeyPair>> {
        let user = policy::key_pairs_of(caller, user)?;
        if let Some(marker) = marker
            && self.db.key_pair(user, marker).await?.is_none()
        {
            return Err(Error::Invalid(format!("marker [{marker}] not found")));
        }
        self.db.key_pairs(user, marker.unwrap_or_default(), limit).await
    }

    /// The user's key pair of this name.
    pub async fn show(&self, caller: &Caller, user: Option<UserId>, name: &str) -> Result<KeyPair> {
        let user = policy::key_pairs_of(caller, user)?;
        self.db.key_pair(user, name).await?.ok_or_else(|| no_such_key_pair(user, name))
    }

    /// Keeps a public key that the user has made.
    ///
    /// # Errors
    /// `Invalid` when it is not a public key of OpenSSH, `Conflict` when the name is taken, `OverQuota`.
    pub async fn import(&self, caller: &Caller, user: Option<UserId>, name: &str, public_key: &str) -> Result<KeyPair> {
        let user = policy::key_pairs_of(caller, user)?;
        check_name(name)?;
        let fingerprint = fingerprint(&decode(public_key)?)?;
        // As it was sent: clients compare it with their file, which ends with a newline.
        self.db.add_key_pair(user, name, public_key, &fingerprint, self.quota).await
    }

    /// Makes an RSA key; its private half (PKCS#1, PEM) is only in this answer.
    ///
    /// # Errors
    /// `Conflict` when the name is taken, `OverQuota`.
    pub async fn generate(&self, caller: &Caller, user: Option<UserId>, name: &str) -> Result<(KeyPair, String)> {
        let user = policy::key_pairs_of(caller, user)?;
        check_name(name)?;
        let made = tokio::task::spawn_blocking(generate_rsa).await.map_err(Error::internal)?;
        let (public_key, private_key) = made.map_err(Error::internal)?;
        let fingerprint = fingerprint(&decode(&public_key)?)?;
        Ok((self.db.add_key_pair(user, name, &public_key, &fingerprint, self.quota).await?, private_key))
    }

    /// Deletes the user's key pair of this name; instances that have the key keep it.
    pub async fn delete(&self, caller: &Caller, user: Option<UserId>, name: &str) -> Result<()> {
        let user = policy::key_pairs_of(caller, user)?;
        if self.db.delete_key_pair(user, name).await? { Ok(()) } else { Err(no_such_key_pair(user, name)) }
    }
}

fn no_such_key_pair(user: UserId, name: &str) -> Error {
    Error::NotFound(format!("Keypair {name} not found for user {user}"))
}

fn check_name(name: &str) -> Result<()> {
    let fits = (1..=NAME_CHARS).contains(&name.chars().count()) && name.trim() == name;
    // '/' would make a name that no URL of a key pair can carry.
    if fits && !name.chars().any(|c| c.is_control() || c == '/') {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "The name of a key pair must have 1 to {NAME_CHARS} printable characters, no '/' and no blank at either end."
    )))
}

/// The key's bytes from its one line of text.
fn decode(public_key: &str) -> Result<Vec<u8>> {
    let bad = |why: &str| {
        Error::Invalid(format!(
            "Keypair data is invalid: {why}. A public key is one line such as 'ssh-ed25519 AAAA… comment'."
        ))
    };
    if public_key.len() > PUBLIC_KEY_CHARS {
        return Err(bad("it is too long"));
    }
    let public_key = public_key.trim();
    if public_key.contains(['\n', '\r', '\0']) {
        return Err(bad("it has more than one line"));
    }
    let mut words = public_key.split_ascii_whitespace();
    let (kind, blob) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !KINDS.contains(&kind) {
        return Err(bad("its first word is not a kind of key that OpenSSH knows"));
    }
    let blob = STANDARD.decode(blob).map_err(|_| bad("its second word is not base64"))?;
    // RFC 4253, section 6.6: the blob begins with the kind, as a string with its length.
    let length = (kind.len() as u32).to_be_bytes();
    if !blob.strip_prefix(&length).is_some_and(|rest| rest.starts_with(kind.as_bytes())) {
        return Err(bad("its second word is not a key of the kind its first word says"));
    }
    Ok(blob)
}

fn fingerprint(blob: &[u8]) -> Result<String> {
    let digest = openssl::hash::hash(MessageDigest::md5(), blob).map_err(Error::internal)?;
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
}

/// An RSA key as (public line, private PEM).
fn generate_rsa() -> Result<(String, String), openssl::error::ErrorStack> {
    let key = Rsa::generate(RSA_BITS)?;
    let private_key = String::from_utf8_lossy(&key.private_key_to_pem()?).into_owned();
    let mut blob = Vec::new();
    ssh_bytes(&mut blob, b"ssh-rsa");
    ssh_number(&mut blob, key.e());
    ssh_number(&mut blob, key.n());
    Ok((format!("ssh-rsa {} Generated-by-Effigy", STANDARD.encode(blob)), private_key))
}

/// RFC 4251, section 5: `string`.
fn ssh_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
}

/// RFC 4251, section 5: `mpint`, with a zero before a set top bit.
fn ssh_number(out: &mut Vec<u8>, number: &BigNumRef) {
    let mut bytes = number.to_vec();
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    ssh_bytes(out, &bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_key_must_be_one_line_of_a_kind_that_its_bytes_agree_with() {
        let (public, private) = generate_rsa().unwrap();
        assert!(private.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
        assert!(decode(&public).is_ok() && decode(&format!("{public}\n")).is_ok());
        let relabelled = public.replacen("ssh-rsa", "ssh-dss", 1);
        let two_lines = format!("{public}\n{public}");
        for bad in ["", "ssh-rsa", "ssh-rsa AAAA!", "ssh-new AAAA", &relabelled, &two_lines] {
            assert!(matches!(decode(bad), Err(Error::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn fingerprint_is_sixteen_hex_pairs_with_colons() {
        let ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
        let print = fingerprint(&decode(ed25519).unwrap()).unwrap();
        assert_eq!(print.split(':').count(), 16);
        assert!(print.split(':').all(|pair| pair.len() == 2));
    }
}
