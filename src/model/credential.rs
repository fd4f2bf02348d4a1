//! Credentials: tokens and application credentials.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{Kept, UnknownWord};

/// An application credential.
#[derive(Clone, Debug)]
pub struct CredentialRow {
    pub id: String,
    pub user_id: String,
    /// The project it works in.
    pub project_id: String,
    /// Its name, unique for its user.
    pub name: String,
    /// Its description, by its user.
    pub description: Option<String>,
    /// Its secret's digest or hash.
    pub secret: String,
    /// Whether it may make and delete application credentials.
    pub unrestricted: bool,
    pub expires_ms: Option<i64>,
    /// The same in its maker's words, to the microsecond.
    pub expires_at: Option<String>,
    /// `None` allows every request.
    pub access_rules: Option<Kept<Vec<AccessRule>>>,
    pub created_ms: i64,
}

/// A use that a credential allows: requests to `service` with `method` on `path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRule {
    /// Its id; made by us.
    pub id: String,
    /// The kind of service: `identity`, `image`, `compute`, `network`.
    pub service: String,
    pub method: String,
    /// The path after the service's own prefix: `*` or `{name}` for one segment, `**` for the rest.
    pub path: String,
}

/// The place in which a token's roles hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<ScopeKind>)]
pub enum ScopeKind {
    Unscoped,
    Project,
    Domain,
    System,
}

/// A token to be kept.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// The digest of the token, in hex.
    pub digest: &'a str,
    pub user_id: &'a str,
    pub scope_kind: ScopeKind,
    /// The project or domain; `all` for the system, empty without a scope.
    pub scope_id: &'a str,
    /// How the user proved who it is, comma-separated.
    pub methods: &'a str,
    /// This token's own audit id.
    pub audit_id: &'a str,
    /// The audit id of the token that this chain of rescopes began with.
    pub first_audit_id: &'a str,
    pub credential_id: Option<&'a str>,
    pub issued_ms: i64,
    pub expires_ms: i64,
    /// The state of the user's password that the proof rested on.
    pub password_changed_ms: i64,
    /// The digest of the token it was exchanged for.
    pub parent: Option<&'a str>,
    /// The address that it was asked for from.
    pub address: Option<&'a str>,
}

/// A living token, as its user reviews it.
#[derive(Clone, Debug)]
pub struct OwnToken {
    /// The audit id that the chain of rescopes began with.
    pub first_audit_id: String,
    pub issued_ms: i64,
    pub expires_ms: i64,
    /// The address that it was asked for from.
    pub address: Option<String>,
    /// The name of the project it is scoped to.
    pub project: Option<String>,
}

/// The content of a token, with the rows it rests on.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Its user: id, name, domain id, domain name.
    pub user: [String; 4],
    pub scope_kind: ScopeKind,
    /// The project: id, name, domain id, domain name.
    pub project: Option<[String; 4]>,
    /// The domain of a domain scope: id, name.
    pub domain: Option<[String; 2]>,
    /// How the user proved who it is, comma-separated.
    pub methods: String,
    /// This token's own audit id.
    pub audit_id: String,
    /// The audit id that the chain of rescopes began with.
    pub first_audit_id: String,
    pub credential: Option<TokenCredential>,
    pub issued_ms: i64,
    pub expires_ms: i64,
    pub password_changed_ms: i64,
}

/// The application credential behind a token.
#[derive(Clone, Debug)]
pub struct TokenCredential {
    pub id: String,
    pub name: String,
    pub unrestricted: bool,
    /// `None` allows every request.
    pub access_rules: Option<Kept<Vec<AccessRule>>>,
}
