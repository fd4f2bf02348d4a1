//! Credentials: tokens and application credentials.

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
    /// A JSON array of rules; `None` allows every request.
    pub access_rules: Option<String>,
    pub created_ms: i64,
}

/// An access rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRuleRow {
    pub id: String,
    pub service: String,
    pub method: String,
    /// The path below the service's own prefix.
    pub path: String,
}

/// A token to be kept.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// The digest of the token, in hex.
    pub digest: &'a str,
    pub user_id: &'a str,
    /// `unscoped`, `project`, `domain` or `system`.
    pub scope_kind: &'a str,
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
}

/// The content of a token, with the rows it rests on.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Its user: id, name, domain id, domain name.
    pub user: [String; 4],
    /// `unscoped`, `project`, `domain` or `system`.
    pub scope_kind: String,
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
    /// Its access rules as JSON; `None` allows every request.
    pub access_rules: Option<String>,
}
