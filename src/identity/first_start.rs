//! The first start: the default domain, the roles, the admin, and the file that lets a client sign in at once.

use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{DEFAULT_DOMAIN, Identity, credentials::new_id, passwords, share_of};
use crate::{
    db::{Database, now_ms},
    error::{Error, Result},
    ids::{ProjectId, UserId},
    model::{
        Kept,
        people::{Domain, Options, Project, User},
        role::{ActorKind, Grant, RoleRecord, TargetKind},
    },
};

/// The roles every cloud has, with what they are for.
const ROLES: [(&str, &str); 5] = [
    ("admin", "Operates the cloud"),
    ("manager", "Works in a project and manages its people"),
    ("member", "Works in a project"),
    ("reader", "Looks at a project"),
    ("service", "Another service that validates tokens"),
];
/// The roles, and the ones they imply.
const IMPLIED: [(&str, &str); 3] = [("admin", "manager"), ("manager", "member"), ("member", "reader")];

/// Puts the default domain and the roles there.
pub(super) async fn seed(db: &Database) -> Result<()> {
    let domain = Domain {
        id: DEFAULT_DOMAIN.into(),
        name: "Default".into(),
        description: "The default domain".into(),
        enabled: true,
        options: Options::new(),
        extra: Kept::default(),
    };
    let roles: Vec<RoleRecord> = ROLES
        .iter()
        .map(|(name, what)| RoleRecord {
            id: new_id(),
            name: (*name).into(),
            description: Some((*what).into()),
            domain_id: None,
            options: Options::new(),
            extra: Kept::default(),
        })
        .collect();
    let id = |name: &str| roles.iter().find(|role| role.name == name).map(|role| role.id.clone());
    let implied: Vec<_> = IMPLIED.iter().filter_map(|(prior, implied)| Some((id(prior)?, id(implied)?))).collect();
    db.seed(&domain, &roles, &implied).await
}

impl Identity {
    /// Makes the first admin and writes `DATA/clouds.yaml`, unless both were done before; keeps the address in that
    /// file right. Called once the service's address is known and before it answers.
    ///
    /// # Errors
    /// The file cannot be written, or the database does not answer.
    pub async fn first_start(&self, data: &Path, address: &str) -> Result<()> {
        let file = data.join("clouds.yaml");
        if self.db.admin_made().await? {
            return keep_address(&file, address);
        }
        let password = passwords::generate();
        let (user, project, grants) = self.first_admin(&password).await?;
        // The file before the row: a crash between them leaves a file that the next start writes again,
        // never an admin whose password is lost.
        write_private(&file, &clouds_yaml(address, self.region(), password.expose()))?;
        if self.db.make_admin(&user, &project, &grants).await? {
            tracing::info!(file = %file.display(), "made the user and project 'admin'; sign in with {}", file.display());
            return Ok(());
        }
        // Another service on the same database was faster, or an operator made an 'admin' offline.
        std::fs::remove_file(&file).map_err(Error::internal)?;
        tracing::warn!("there is a user or project 'admin' already; no clouds.yaml was written");
        Ok(())
    }

    /// Puts a new password of the user in `DATA/clouds.yaml` there too; false when that file is not about this user.
    pub fn keep_password(&self, data: &Path, user: &str, password: &passwords::Secret) -> Result<bool> {
        let file = data.join("clouds.yaml");
        let Ok(text) = std::fs::read_to_string(&file) else { return Ok(false) };
        // Only what the first start wrote is ours to change; a file that people have added clouds to is theirs.
        let is_ours = text.matches(PASSWORD).count() == 1 && text.contains(&format!("      username: {user}\n"));
        let is_plain = !password.expose().contains(['\'', '\n', '\\']);
        if !is_ours || !is_plain {
            return Ok(false);
        }
        let line = |line: &str| match line.starts_with(PASSWORD) {
            true => format!("{PASSWORD}'{}'\n", password.expose()),
            false => format!("{line}\n"),
        };
        write_private(&file, &text.lines().map(line).collect::<String>())?;
        Ok(true)
    }

    async fn first_admin(&self, password: &passwords::Secret) -> Result<(User, Project, Vec<Grant>)> {
        let project = Project {
            id: ProjectId::new().to_string(),
            domain_id: DEFAULT_DOMAIN.into(),
            name: "admin".into(),
            description: "The operators' project".into(),
            enabled: true,
            tags: Kept::default(),
            parent_id: None,
            is_domain: false,
            options: Options::new(),
            extra: Kept::default(),
        };
        let user = User {
            id: UserId::new().to_string(),
            domain_id: DEFAULT_DOMAIN.into(),
            name: "admin".into(),
            description: Some("The first operator".into()),
            email: None,
            enabled: true,
            default_project_id: Some(project.id.clone()),
            password: Some(self.passwords.hash(password, share_of(None)).await?),
            password_changed_ms: now_ms(),
            extra: Kept::default(),
            options: Options::new(),
        };
        let admin = self.db.roles(Some("admin")).await?.pop();
        let admin = admin.ok_or_else(|| Error::Conflict("the role 'admin' was deleted".into()))?;
        let grant = |target_kind, target_id: &str| Grant {
            actor_kind: ActorKind::User,
            actor_id: user.id.clone(),
            target_kind,
            target_id: target_id.into(),
            role_id: admin.id.clone(),
        };
        let grants = vec![
            grant(TargetKind::Project, &project.id),
            grant(TargetKind::Domain, DEFAULT_DOMAIN),
            grant(TargetKind::System, "all"),
        ];
        Ok((user, project, grants))
    }
}

const AUTH_URL: &str = "      auth_url: ";
const PASSWORD: &str = "      password: ";

fn clouds_yaml(address: &str, region: &str, password: &str) -> String {
    format!(
        "# Written by effigy at its first start; auth_url follows the service's address at every start.\n\
         # OS_CLIENT_CONFIG_FILE=THIS_FILE OS_CLOUD=effigy openstack image list\n\
         clouds:\n  effigy:\n    auth:\n{AUTH_URL}{address}/identity/v3\n      username: admin\n\
         {PASSWORD}'{password}'\n      project_name: admin\n      user_domain_id: default\n      \
         project_domain_id: default\n    region_name: {region}\n    identity_api_version: '3'\n    \
         interface: public\n"
    )
}

/// Puts the address of this start into the file, if the file is still there.
fn keep_address(file: &Path, address: &str) -> Result<()> {
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(()) };
    let line = |line: &str| match line.starts_with(AUTH_URL) {
        true => format!("{AUTH_URL}{address}/identity/v3\n"),
        false => format!("{line}\n"),
    };
    let now: String = text.lines().map(line).collect();
    if now == text { Ok(()) } else { write_private(file, &now) }
}

/// The token of `/metrics`, in `DATA/metrics.token`; made when there is none.
///
/// # Errors
/// The file cannot be read or written, or there is nothing in it.
pub fn metrics_token(data: &Path) -> Result<passwords::Secret> {
    let file = data.join("metrics.token");
    match std::fs::read_to_string(&file) {
        Ok(text) if !text.trim().is_empty() => Ok(passwords::Secret::new(text.trim())),
        Ok(_) => Err(Error::Internal(anyhow::anyhow!("{} is empty: delete it and another is made", file.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let token = passwords::generate();
            write_private(&file, token.expose())?;
            Ok(token)
        }
        Err(error) => Err(Error::Internal(anyhow::anyhow!("cannot read {}: {error}", file.display()))),
    }
}

/// Writes a file that only its owner reads, whole or not at all.
fn write_private(file: &Path, text: &str) -> Result<()> {
    let new: PathBuf = file.with_extension("new");
    let write = || -> std::io::Result<()> {
        let _ = std::fs::remove_file(&new);
        let mut open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        open.write_all(text.as_bytes())?;
        open.sync_all()?;
        std::fs::rename(&new, file)?;
        file.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    };
    write().map_err(|error| Error::Internal(anyhow::anyhow!("cannot write {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_address_follows_the_service_and_nothing_else_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clouds.yaml");
        write_private(&file, &clouds_yaml("http://127.0.0.1:1", "RegionOne", "secret")).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        keep_address(&file, "http://127.0.0.1:2").unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, clouds_yaml("http://127.0.0.1:2", "RegionOne", "secret"));
    }
}
