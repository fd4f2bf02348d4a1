//! The pinned `openstack` client, as a person runs it.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

use super::{Effigy, http, people::PASSWORD};

/// The folder with `openstack` and `glance`, installed on first use and shared by every run.
pub fn clients() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/clients.sh");
        let output = Command::new(script).output().expect("run scripts/clients.sh");
        assert!(output.status.success(), "scripts/clients.sh: {}", http::shown(&output));
        PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
    })
}

/// One person's command line.
pub struct Cli {
    variables: Vec<(&'static str, String)>,
}

impl Effigy {
    /// The command line of a person, speaking in a project.
    pub fn cli(&self, user: &str, project: &str) -> Cli {
        let password = if user == "admin" { self.admin_password() } else { PASSWORD.to_owned() };
        Cli {
            variables: vec![
                ("OS_AUTH_URL", self.at("/identity/v3")),
                ("OS_USERNAME", user.to_owned()),
                ("OS_PASSWORD", password),
                ("OS_PROJECT_NAME", project.to_owned()),
                ("OS_USER_DOMAIN_ID", "default".to_owned()),
                ("OS_PROJECT_DOMAIN_ID", "default".to_owned()),
                ("OS_IDENTITY_API_VERSION", "3".to_owned()),
                ("HOME", self.scratch().display().to_string()),
            ],
        }
    }
}

impl Cli {
    /// Runs `openstack` with these arguments and returns what it printed; its failure fails the test.
    #[track_caller]
    pub fn openstack(&self, arguments: &[&str]) -> String {
        self.run("openstack", arguments).unwrap_or_else(|said| panic!("openstack {}: {said}", arguments.join(" ")))
    }

    /// Runs a client; what it printed, or what it said when it failed.
    pub fn run(&self, client: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(clients().join(client));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OS_")) {
            command.env_remove(name);
        }
        let output = command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("run the client");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(http::shown(&output))
        }
    }
}
