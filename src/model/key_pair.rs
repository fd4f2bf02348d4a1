//! Key pairs: public halves only.

use crate::ids::UserId;

/// The public half of a key, as its user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The number of the row; clients show it.
    pub id: i64,
    pub user_id: UserId,
    /// Its name; a user has no two of one name.
    pub name: String,
    /// One line, as OpenSSH writes it.
    pub public_key: String,
    /// The md5 of the key, in hex pairs with colons.
    pub fingerprint: String,
    pub created_ms: i64,
}
