//! `[keystone]`: the Keystone that knows users and projects, where this service does not keep its own.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[keystone]`, for `identity.mode = "keystone"`. The keys are named as in the `[keystone_authtoken]` of OpenStack's
/// services where they mean the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keystone {
    /// Where this service reaches Keystone, with or without `/v3`. It is asked here and nowhere else: no catalog is read
    /// for it.
    pub auth_url: Option<String>,
    /// Where clients sign in, named in every 401; `None`: `auth_url`.
    pub www_authenticate_uri: Option<String>,
    /// The service user, by name, with its project; it needs the role `service` (or `admin`) there.
    pub username: Option<String>,
    pub password: Option<String>,
    pub user_domain_name: String,
    pub project_name: String,
    pub project_domain_name: String,
    /// An application credential of the service user, in place of name and password.
    pub application_credential_id: Option<String>,
    pub application_credential_secret: Option<String>,
    /// The certificates (PEM) that Keystone's must come from; `None`: those that the system trusts.
    pub cafile: Option<PathBuf>,
    /// The kind of this service in the catalog, which access rules of application credentials name.
    pub service_type: String,
    /// The roles of which a token in `X-Service-Token` needs one.
    pub service_token_roles: Vec<String>,
    /// Whether a request with a service token that has none of them is refused.
    pub service_token_roles_required: bool,
    /// How long an answer of Keystone is believed.
    pub cache_seconds: u64,
    /// How often Keystone is asked which tokens it has revoked; 0: never.
    pub revocation_poll_seconds: u64,
    /// How long Keystone may take for an answer, in seconds.
    pub timeout: u64,
    /// Whether people sign in to the web console here, with what Keystone knows of them.
    pub console: bool,
    /// The region and the interface of the Compute service in the catalog that the console's pages of instances ask;
    /// without a region, the first that the catalog names.
    pub region_name: Option<String>,
    pub interface: String,
}

impl Default for Keystone {
    fn default() -> Keystone {
        Keystone {
            auth_url: None,
            www_authenticate_uri: None,
            username: None,
            password: None,
            user_domain_name: "Default".into(),
            project_name: "service".into(),
            project_domain_name: "Default".into(),
            application_credential_id: None,
            application_credential_secret: None,
            cafile: None,
            service_type: "image".into(),
            service_token_roles: vec!["service".into()],
            service_token_roles_required: true,
            cache_seconds: 60,
            revocation_poll_seconds: 10,
            timeout: 8,
            console: true,
            region_name: None,
            interface: "internal".into(),
        }
    }
}

impl Keystone {
    /// The same without its secrets, to be shown.
    pub(super) fn redacted(&self) -> Keystone {
        let hidden = |secret: &Option<String>| secret.as_ref().map(|_| "***".to_owned());
        Keystone {
            password: hidden(&self.password),
            application_credential_secret: hidden(&self.application_credential_secret),
            ..self.clone()
        }
    }
}
