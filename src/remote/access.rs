//! Where a cloud is and as whom it is asked: from clouds.yaml, from the `OS_*` variables, from the command line.
//!
//! The names are those of OpenStack's clients, and so is the order: the command line, a variable, the file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio_rustls::rustls::ClientConfig;

use crate::tls;

/// The settings, named as in clouds.yaml; the variable of each is `OS_` and its name in capitals.
const NAMES: [&str; 21] = [
    "auth_url",
    "token",
    "username",
    "user_id",
    "password",
    "user_domain_id",
    "user_domain_name",
    "project_id",
    "project_name",
    "project_domain_id",
    "project_domain_name",
    "default_domain",
    "system_scope",
    "application_credential_id",
    "application_credential_name",
    "application_credential_secret",
    "region_name",
    "interface",
    "cacert",
    "image_endpoint_override",
    "verify",
];

/// The words of the command line.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The name of a cloud in clouds.yaml.
    pub cloud: Option<String>,
    /// A token, in place of a sign-in.
    pub token: Option<String>,
    /// The address of its image service, in place of the catalog's.
    pub address: Option<String>,
}

/// Where a cloud is, and as whom it is asked.
#[derive(Clone)]
pub struct Access {
    /// Keystone's address; `None` where a token and the image service's address are all that is needed.
    pub(super) auth_url: Option<String>,
    pub(super) proof: Proof,
    pub(super) region: Option<String>,
    pub(super) interface: String,
    pub(super) address: Option<String>,
    /// The id of the project, where it is named by one.
    pub(super) project: Option<String>,
    pub(super) trust: Option<Arc<ClientConfig>>,
}

/// The proof of who asks.
#[derive(Clone)]
pub(super) enum Proof {
    /// A token as it is. Nobody can renew it.
    Token(String),
    /// The body of a sign-in.
    SignIn(Value),
}

type Values = BTreeMap<String, String>;

impl Access {
    /// Reads it; `variable` answers with the value of an environment variable.
    ///
    /// # Errors
    /// Something is missing, or cannot be read; the error says what to set.
    pub fn read(said: Said, variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Access> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut values = match said.cloud.or_else(|| variable("OS_CLOUD")) {
            Some(cloud) => of_cloud(&cloud, &variable)?,
            None => Values::new(),
        };
        for name in NAMES {
            values.extend(variable(&format!("OS_{}", name.to_uppercase())).map(|value| (name.to_owned(), value)));
        }
        values.extend(said.token.map(|token| ("token".to_owned(), token)));
        values.extend(said.address.map(|address| ("image_endpoint_override".to_owned(), address)));
        Access::of(&values)
    }

    fn of(values: &Values) -> anyhow::Result<Access> {
        let value = |name: &str| values.get(name).cloned();
        let auth_url = value("auth_url");
        let address = value("image_endpoint_override");
        anyhow::ensure!(
            auth_url.is_some() || value("token").is_some() && address.is_some(),
            "say which cloud it is: --os-cloud with a name in clouds.yaml, or the variables that 'openstack' takes \
             (OS_AUTH_URL and its like), or a token with the address of its image service"
        );
        anyhow::ensure!(
            value("verify").is_none_or(|verify| !["false", "False", "0"].contains(&&*verify)),
            "'verify: false' is not taken: name the certificate to trust with 'cacert' (OS_CACERT)"
        );
        let trust = value("cacert").map(|file| tls::of_file(Path::new(&file)).context("cacert")).transpose()?;
        let proof = match value("token") {
            Some(token) => Proof::Token(token),
            None => Proof::SignIn(sign_in(values)?),
        };
        let interface = value("interface").unwrap_or_else(|| "public".into()).replace("URL", "");
        let (region, project) = (value("region_name"), value("project_id"));
        Ok(Access { auth_url, proof, region, interface, address, project, trust })
    }
}

/// The body of a sign-in at Keystone.
fn sign_in(values: &Values) -> anyhow::Result<Value> {
    let value = |name: &str| values.get(name);
    let named = |thing: &str| match (value(&format!("{thing}_id")), value(&format!("{thing}_name"))) {
        (Some(id), _) => Some(json!({"id": id})),
        (None, Some(name)) => Some(json!({"name": name})),
        (None, None) => None,
    };
    let in_domain = |mut thing: Value, domain: &str| {
        if thing.get("name").is_some() {
            let default = || json!({"id": value("default_domain").map_or("default", String::as_str)});
            thing["domain"] = named(domain).unwrap_or_else(default);
        }
        thing
    };
    let user = match (value("user_id"), value("username")) {
        (Some(id), _) => Some(json!({"id": id})),
        (None, Some(name)) => Some(in_domain(json!({"name": name}), "user_domain")),
        (None, None) => None,
    };
    if let Some(secret) = value("application_credential_secret") {
        let mut credential = named("application_credential").context(
            "an application credential needs its id: application_credential_id (OS_APPLICATION_CREDENTIAL_ID)",
        )?;
        credential["secret"] = secret.as_str().into();
        if credential.get("name").is_some() {
            credential["user"] = user.context("an application credential by its name needs the user's name or id")?;
        }
        let identity = json!({"methods": ["application_credential"], "application_credential": credential});
        return Ok(json!({"auth": {"identity": identity}}));
    }
    let mut user = user.context("a user is missing: set username (OS_USERNAME), or a token")?;
    user["password"] = value("password").context("a password is missing: set password (OS_PASSWORD)")?.as_str().into();
    let scope = match (value("system_scope"), named("project")) {
        (Some(_), _) => json!({"system": {"all": true}}),
        (None, Some(project)) => json!({"project": in_domain(project, "project_domain")}),
        (None, None) => anyhow::bail!("a project is missing: set project_name (OS_PROJECT_NAME)"),
    };
    Ok(json!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}))
}

/// The values of a cloud of clouds.yaml, with its secrets in secure.yaml where there is one.
fn of_cloud(name: &str, variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Values> {
    let folders: Vec<PathBuf> = ["".into()]
        .into_iter()
        .chain(variable("HOME").map(|home| Path::new(&home).join(".config/openstack")))
        .chain(["/etc/openstack".into()])
        .collect();
    let first = |file: &str, named: Option<String>| -> Option<PathBuf> {
        let named = named.map(PathBuf::from);
        let usual = folders.iter().flat_map(|folder| ["yaml", "yml"].map(|end| folder.join(format!("{file}.{end}"))));
        named.into_iter().chain(usual).find(|path| path.is_file())
    };
    let file = first("clouds", variable("OS_CLIENT_CONFIG_FILE")).context(
        "there is no clouds.yaml: it is looked for at OS_CLIENT_CONFIG_FILE, here, in ~/.config/openstack and in \
         /etc/openstack",
    )?;
    let mut values = Values::new();
    let cloud = cloud_in(&file, name)?.with_context(|| format!("there is no cloud '{name}' in {}", file.display()))?;
    flatten(&cloud, &mut values);
    if let Some(secrets) = first("secure", variable("OS_CLIENT_SECURE_FILE"))
        && let Some(cloud) = cloud_in(&secrets, name)?
    {
        flatten(&cloud, &mut values);
    }
    Ok(values)
}

fn cloud_in(file: &Path, name: &str) -> anyhow::Result<Option<Value>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    // The library's own words show the lines around a fault, and a password may be among them.
    let read = serde_saphyr::from_str::<Value>(&text).ok();
    let mut read = read.with_context(|| format!("{} is not YAML", file.display()))?;
    Ok(read.get_mut("clouds").and_then(|clouds| clouds.get_mut(name)).map(Value::take))
}

/// Takes the known names of a cloud and of its `auth`.
fn flatten(cloud: &Value, values: &mut Values) {
    for part in [Some(cloud), cloud.get("auth")].into_iter().flatten() {
        for name in NAMES {
            match part.get(name) {
                Some(Value::String(text)) => drop(values.insert(name.to_owned(), text.clone())),
                Some(plain @ (Value::Number(_) | Value::Bool(_))) => {
                    values.insert(name.to_owned(), plain.to_string());
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: Said, variables: &[(&str, &str)]) -> anyhow::Result<Access> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Access::read(said, &variable)
    }

    fn body(access: &Access) -> &Value {
        match &access.proof {
            Proof::SignIn(body) => body,
            Proof::Token(token) => panic!("a token: {token}"),
        }
    }

    const VARIABLES: [(&str, &str); 4] = [
        ("OS_AUTH_URL", "http://k:5000"),
        ("OS_USERNAME", "admin"),
        ("OS_PASSWORD", "secret"),
        ("OS_PROJECT_NAME", "admin"),
    ];

    #[test]
    fn variables_sign_in_as_the_clients_do() {
        let access = read(Said::default(), &VARIABLES).unwrap();
        let domain = json!({"id": "default"});
        let expected = json!({"auth": {
            "identity": {"methods": ["password"], "password": {
                "user": {"name": "admin", "domain": domain, "password": "secret"}}},
            "scope": {"project": {"name": "admin", "domain": domain}}}});
        assert_eq!(body(&access), &expected);
        assert_eq!((access.interface.as_str(), access.region, access.address), ("public", None, None));
    }

    #[test]
    fn a_cloud_of_the_file_is_read_with_its_secrets_and_a_variable_goes_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let clouds = folder.path().join("clouds.yaml");
        let text = "clouds:\n  old:\n    auth: &auth\n      auth_url: https://k/v3\n      application_credential_id: abc\n    \
                    region_name: One\n    interface: internalURL\n  other:\n    auth: *auth\n";
        std::fs::write(&clouds, text).unwrap();
        let secure = folder.path().join("secure.yaml");
        std::fs::write(&secure, "clouds: {old: {auth: {application_credential_secret: 12345}}}\n").unwrap();
        let variables = [
            ("OS_CLIENT_CONFIG_FILE", clouds.to_str().unwrap()),
            ("OS_CLIENT_SECURE_FILE", secure.to_str().unwrap()),
            ("OS_REGION_NAME", "Two"),
        ];
        let said = |cloud: &str| Said { cloud: Some(cloud.into()), ..Said::default() };
        let access = read(said("old"), &variables).unwrap();
        let credential = json!({"id": "abc", "secret": "12345"});
        assert_eq!(body(&access)["auth"]["identity"]["application_credential"], credential);
        assert_eq!((access.interface.as_str(), access.region.as_deref()), ("internal", Some("Two")));
        let missing = read(said("new"), &variables).err().unwrap().to_string();
        assert!(missing.contains("there is no cloud 'new'"), "{missing}");
    }

    #[test]
    fn something_missing_is_named() {
        for (left, name) in
            [("OS_AUTH_URL", "--os-cloud"), ("OS_PASSWORD", "OS_PASSWORD"), ("OS_PROJECT_NAME", "project")]
        {
            let variables: Vec<_> = VARIABLES.into_iter().filter(|(known, _)| *known != left).collect();
            let error = read(Said::default(), &variables).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
        }
        let said = Said { token: Some("t".into()), address: Some("http://g".into()), cloud: None };
        assert!(matches!(read(said, &[]).unwrap().proof, Proof::Token(_)), "a token and an address are enough");
    }
}
