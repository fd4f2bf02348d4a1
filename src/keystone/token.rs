//! A token in Keystone's words, read.
//!
//! A body of which a part cannot be read is no token at all: one of a project would else count as one of none.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, de::Error as _};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Endpoint, Service};
use crate::model::credential::AccessRule;

/// A token that Keystone knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Body")]
pub struct Token {
    pub user: Named,
    pub scope: Scope,
    pub roles: Vec<Role>,
    pub methods: Vec<String>,
    /// This token's audit id, then the first of its chain when that is another.
    pub audit_ids: Vec<String>,
    pub issued_ms: i64,
    pub expires_ms: i64,
    pub credential: Option<Credential>,
    /// The kinds of service in its catalog.
    pub services: HashSet<String>,
    /// The addresses of the catalog's Compute service.
    pub compute: Vec<Endpoint>,
}

/// Where a token's roles hold.
#[derive(Clone, Debug)]
pub enum Scope {
    Unscoped,
    Project(Named),
    Domain(Domain),
    System,
}

/// A user or a project.
#[derive(Clone, Debug, Deserialize)]
pub struct Named {
    pub id: String,
    pub name: String,
    pub domain: Domain,
}

/// A domain. Keystone calls the one of federated users by its name only.
#[derive(Clone, Debug, Deserialize)]
pub struct Domain {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub name: String,
}

/// A role that is held.
#[derive(Clone, Debug, Deserialize)]
pub struct Role {
    #[serde(default)]
    pub id: String,
    pub name: String,
}

/// The application credential behind a token.
#[derive(Clone, Debug, Deserialize)]
pub struct Credential {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub restricted: bool,
    /// `None` allows every request.
    #[serde(default)]
    pub access_rules: Option<Vec<AccessRule>>,
}

/// The token as it comes.
#[derive(Deserialize)]
struct Body {
    token: Inner,
}

#[derive(Deserialize)]
struct Inner {
    user: Named,
    project: Option<Named>,
    domain: Option<Domain>,
    system: Option<System>,
    #[serde(default)]
    roles: Vec<Role>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    audit_ids: Vec<String>,
    #[serde(deserialize_with = "moment")]
    issued_at: i64,
    #[serde(deserialize_with = "moment")]
    expires_at: i64,
    application_credential: Option<Credential>,
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct System {
    #[serde(default)]
    all: bool,
}

impl From<Body> for Token {
    fn from(Body { token }: Body) -> Token {
        let scope = match (token.project, token.domain, token.system) {
            (Some(project), ..) => Scope::Project(project),
            (None, Some(domain), _) => Scope::Domain(domain),
            (None, None, Some(system)) if system.all => Scope::System,
            _ => Scope::Unscoped,
        };
        Token {
            user: token.user,
            scope,
            roles: token.roles,
            methods: token.methods,
            audit_ids: token.audit_ids,
            issued_ms: token.issued_at,
            expires_ms: token.expires_at,
            credential: token.application_credential,
            services: token.catalog.iter().map(|service| service.kind.clone()).collect(),
            compute: token
                .catalog
                .into_iter()
                .filter(|service| service.kind == "compute")
                .flat_map(|service| service.endpoints)
                .collect(),
        }
    }
}

impl Token {
    /// Reads Keystone's answer; `None` when it makes no sense, which the log says.
    pub(super) fn read(body: &[u8]) -> Option<Token> {
        let read = serde_json::from_slice(body);
        read.inspect_err(|error| tracing::error!("a token of Keystone cannot be read, and is refused: {error}")).ok()
    }

    /// The domains that a revocation may name: the user's, and that of the scope.
    pub(super) fn domains(&self) -> [&str; 2] {
        let scope = match &self.scope {
            Scope::Project(project) => &project.domain.id,
            Scope::Domain(domain) => &domain.id,
            Scope::Unscoped | Scope::System => &self.user.domain.id,
        };
        [&self.user.domain.id, scope]
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    milliseconds(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("a time that is none"))
}

/// A time as Keystone writes it, in milliseconds since 1970.
pub fn milliseconds(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn body(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let domain = json!({"id": "default", "name": "Default"});
        let mut body = json!({"token": {
            "methods": ["password"],
            "user": {"id": "f".repeat(64), "name": "alice", "domain": domain, "password_expires_at": null},
            "audit_ids": ["a"],
            "expires_at": "2030-01-01T00:00:00.000000Z",
            "issued_at": "2029-12-31T23:00:00.000000Z",
            "project": {"id": "web-project", "name": "web", "domain": domain},
            "is_domain": false,
            "roles": [{"id": "r", "name": "member"}],
            "catalog": [{"endpoints": [], "id": "i", "type": "image", "name": "glance"}],
        }});
        change(&mut body["token"]);
        body.to_string().into_bytes()
    }

    #[test]
    fn a_token_with_a_part_that_cannot_be_read_is_none() {
        let token = Token::read(&body(|_| ())).expect("a token");
        assert!(matches!(&token.scope, Scope::Project(project) if project.id == "web-project"));
        assert_eq!(token.expires_ms - token.issued_ms, 3_600_000);
        assert!(token.services.contains("image"));
        for part in ["user", "project", "roles", "expires_at", "application_credential"] {
            assert!(Token::read(&body(|token| token[part] = json!({"id": 7}))).is_none(), "{part}");
        }
        for part in ["user", "expires_at", "issued_at"] {
            assert!(Token::read(&body(|token| drop(token.as_object_mut().unwrap().remove(part)))).is_none(), "{part}");
        }
    }

    #[test]
    fn a_token_has_one_scope() {
        let scope = |change: fn(&mut Value)| {
            Token::read(&body(|token| {
                token.as_object_mut().unwrap().remove("project");
                change(token);
            }))
            .expect("a token")
            .scope
        };
        assert!(matches!(scope(|_| ()), Scope::Unscoped));
        assert!(matches!(scope(|token| token["system"] = json!({"all": true})), Scope::System));
        assert!(matches!(scope(|token| token["system"] = json!({"all": false})), Scope::Unscoped));
        assert!(matches!(scope(|token| token["domain"] = json!({"id": "d", "name": "D"})), Scope::Domain(_)));
    }
}
