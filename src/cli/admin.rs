//! `effigy admin …`: people, projects and roles from the command line, on the database itself.
//!
//! Works with the service stopped and beside a running one, which sees a change within a second. Every user who may
//! read the data folder acts as the operator; every change is recorded in the audit as the operator's.

use std::{
    fmt::Write as _,
    io::{BufRead as _, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::{
    app,
    config::{Config, IdentityMode},
    db::ALL,
    identity::{
        Caller, DEFAULT_DOMAIN, Identity,
        audit::Event,
        passwords::{self, MAX_PASSWORD_BYTES, Secret},
        projects::{ListProjects, Project, ProjectFields},
        roles::{Actor, Target},
        users::{ListUsers, User, UserFields},
    },
    model::event::Outcome,
};

/// People, projects and roles, offline or beside a running service.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes, lists and deletes users, and sets their passwords.
    #[command(subcommand)]
    User(UserCommand),
    /// Makes, lists and deletes projects.
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Grants roles and takes them back.
    #[command(subcommand)]
    Role(RoleCommand),
}

/// `effigy admin user …`
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Makes a user. Without --password-file a password is made up and printed once.
    Create {
        /// Its name.
        name: String,
        /// A project that it works in; repeat for more.
        #[arg(long = "project")]
        projects: Vec<String>,
        /// The role it holds in each of them.
        #[arg(long, default_value = "member")]
        role: String,
        /// Where its password comes from.
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Lists the users.
    List,
    /// Sets a user's password, unlocks it and ends its tokens. Without --password-file one is made up and printed.
    SetPassword {
        /// The user's name.
        name: String,
        /// Where its password comes from.
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Deletes a user with its roles, tokens and application credentials.
    Delete {
        /// The user's name.
        name: String,
    },
}

/// Where a password comes from.
#[derive(Args, Debug)]
pub(super) struct PasswordFrom {
    /// A file whose first line is the password; `-` reads it from standard input, without echo on a terminal.
    #[arg(long)]
    password_file: Option<PathBuf>,
}

/// `effigy admin project …`
#[derive(Debug, Subcommand)]
pub(super) enum ProjectCommand {
    /// Makes a project.
    Create {
        /// Its name.
        name: String,
        /// Its description, for people.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Lists the projects.
    List,
    /// Deletes a project. Its images and instances stay, and are the admin's to clear.
    Delete {
        /// The project's name.
        name: String,
    },
}

/// `effigy admin role …`
#[derive(Debug, Subcommand)]
pub(super) enum RoleCommand {
    /// Grants a role to a user in a project.
    Add(Grant),
    /// Takes a role in a project back; what rests on it ends.
    Remove(Grant),
}

/// A user, a role and a project.
#[derive(Args, Debug)]
pub(super) struct Grant {
    /// The role: admin, manager, member, reader, or another that was made.
    role: String,
    /// The user's name.
    #[arg(long)]
    user: String,
    /// The project's name.
    #[arg(long)]
    project: String,
}

/// Runs a command; what it has to say to the person.
///
/// # Errors
/// The command makes no sense, or the database does not answer.
#[tokio::main]
pub(super) async fn run(config: &Config, command: Command) -> anyhow::Result<String> {
    let is_own = config.identity.mode == IdentityMode::Own;
    anyhow::ensure!(is_own, "Keystone has the users, projects and roles (identity.mode): change them there");
    let data = &config.server.data;
    app::make_data_folder(data)?;
    let db = app::open_database(config).await?;
    let identity = Identity::open(db, config.identity.clone()).await?;
    let desk = Desk { identity, caller: Caller::operator(), data: data.clone() };
    match command {
        Command::User(command) => desk.user(command).await,
        Command::Project(command) => desk.project(command).await,
        Command::Role(command) => desk.role(command).await,
    }
}

struct Desk {
    identity: Identity,
    caller: Caller,
    data: PathBuf,
}

impl Desk {
    async fn user(&self, command: UserCommand) -> anyhow::Result<String> {
        match command {
            UserCommand::Create { name, projects, role, password } => {
                self.create_user(name, projects, role, password).await
            }
            UserCommand::List => self.list_users().await,
            UserCommand::SetPassword { name, password } => self.set_password(name, password).await,
            UserCommand::Delete { name } => {
                let user = self.find_user(&name).await?;
                self.identity.delete_user(&self.caller, &user.id).await?;
                self.record("user.delete", &user.id).await?;
                Ok(format!("Deleted the user {name}.\n"))
            }
        }
    }

    async fn create_user(
        &self,
        name: String,
        projects: Vec<String>,
        role: String,
        from: PasswordFrom,
    ) -> anyhow::Result<String> {
        let (password, is_made_up) = from.password()?;
        // Everything is found before anything is made.
        let role = self.find_role(&role).await?;
        let mut found = Vec::new();
        for project in &projects {
            found.push(self.find_project(project).await?);
        }
        let fields = UserFields {
            name: Some(name.clone()),
            default_project_id: Some(found.first().map(|project| project.id.clone())),
            password: Some(password.clone()),
            ..UserFields::default()
        };
        let user = self.identity.create_user(&self.caller, fields).await?;
        self.record("user.create", &user.id).await?;
        let mut said = format!("Made the user {name} ({}).\n", user.id);
        for project in found {
            let (actor, target) = (Actor::User(user.id.clone()), Target::Project(project.id.clone()));
            self.identity.grant_role(&self.caller, actor, target, &role.0).await?;
            self.record("project.user.role.set", &format!("{}/{}/{}", project.id, user.id, role.0)).await?;
            writeln!(said, "It is {} in the project {}.", role.1, project.name)?;
        }
        Ok(said + &once(&password, is_made_up))
    }

    async fn set_password(&self, name: String, from: PasswordFrom) -> anyhow::Result<String> {
        let user = self.find_user(&name).await?;
        let (password, is_made_up) = from.password()?;
        let fields = UserFields { password: Some(password.clone()), ..UserFields::default() };
        self.identity.update_user(&self.caller, &user.id, fields).await?;
        self.record("user.update", &user.id).await?;
        let mut said = format!("Set the password of {name}; its tokens end within a second.\n");
        if self.identity.keep_password(&self.data, &name, &password)? {
            writeln!(said, "Wrote it to {} too.", self.data.join("clouds.yaml").display())?;
        }
        Ok(said + &once(&password, is_made_up))
    }

    async fn list_users(&self) -> anyhow::Result<String> {
        let wanted = ListUsers { limit: ALL, ..ListUsers::default() };
        let mut said = String::new();
        for user in self.identity.users(&self.caller, &wanted).await? {
            let state = if user.enabled { "" } else { "  (disabled)" };
            writeln!(said, "{}  {}{state}", user.id, user.name)?;
        }
        Ok(said)
    }

    async fn project(&self, command: ProjectCommand) -> anyhow::Result<String> {
        match command {
            ProjectCommand::Create { name, description } => {
                let fields = ProjectFields {
                    name: Some(name.clone()),
                    description: Some(description),
                    ..ProjectFields::default()
                };
                let project = self.identity.create_project(&self.caller, fields).await?;
                self.record("project.create", &project.id).await?;
                Ok(format!("Made the project {name} ({}).\n", project.id))
            }
            ProjectCommand::List => {
                let wanted = ListProjects { limit: ALL, ..ListProjects::default() };
                let mut said = String::new();
                for project in self.identity.projects(&self.caller, &wanted).await? {
                    let state = if project.enabled { "" } else { "  (disabled)" };
                    writeln!(said, "{}  {}{state}", project.id, project.name)?;
                }
                Ok(said)
            }
            ProjectCommand::Delete { name } => {
                let project = self.find_project(&name).await?;
                self.identity.delete_project(&self.caller, &project.id).await?;
                self.record("project.delete", &project.id).await?;
                Ok(format!("Deleted the project {name}.\n"))
            }
        }
    }

    async fn role(&self, command: RoleCommand) -> anyhow::Result<String> {
        let (RoleCommand::Add(grant) | RoleCommand::Remove(grant)) = &command;
        let (user, project) = (self.find_user(&grant.user).await?, self.find_project(&grant.project).await?);
        let role = self.find_role(&grant.role).await?;
        let (actor, target) = (Actor::User(user.id.clone()), Target::Project(project.id.clone()));
        let what = format!("{}/{}/{}", project.id, user.id, role.0);
        if let RoleCommand::Add(_) = &command {
            self.identity.grant_role(&self.caller, actor, target, &role.0).await?;
            self.record("project.user.role.set", &what).await?;
            return Ok(format!("{} is {} in the project {}.\n", user.name, role.1, project.name));
        }
        self.identity.revoke_role(&self.caller, actor, target, &role.0).await?;
        self.record("project.user.role.delete", &what).await?;
        Ok(format!("{} is no longer {} in the project {}.\n", user.name, role.1, project.name))
    }

    async fn find_user(&self, name: &str) -> anyhow::Result<User> {
        let wanted = ListUsers { name: Some(name), domain_id: Some(DEFAULT_DOMAIN), limit: 1, ..ListUsers::default() };
        let found = self.identity.users(&self.caller, &wanted).await?.pop();
        found.with_context(|| format!("there is no user '{name}'; see: effigy admin user list"))
    }

    async fn find_project(&self, name: &str) -> anyhow::Result<Project> {
        let wanted =
            ListProjects { name: Some(name), domain_id: Some(DEFAULT_DOMAIN), limit: 1, ..ListProjects::default() };
        let found = self.identity.projects(&self.caller, &wanted).await?.pop();
        found.with_context(|| format!("there is no project '{name}'; see: effigy admin project list"))
    }

    /// The id and name of a role.
    async fn find_role(&self, name: &str) -> anyhow::Result<(String, String)> {
        let found = self.identity.roles(&self.caller, Some(name), None).await?.pop();
        let found =
            found.with_context(|| format!("there is no role '{name}': take member, reader, manager or admin"))?;
        Ok((found.id, found.name))
    }

    async fn record(&self, action: &str, target: &str) -> anyhow::Result<()> {
        let event = Event {
            request_id: self.caller.request_id.clone(),
            user_name: Some(self.caller.user.name.clone()),
            action: action.to_owned(),
            target_id: Some(target.to_owned()),
            outcome: Outcome::Success,
            ..Event::default()
        };
        Ok(self.identity.record(event).await?)
    }
}

fn once(password: &Secret, is_made_up: bool) -> String {
    if is_made_up { format!("Password, shown this once: {}\n", password.expose()) } else { String::new() }
}

impl PasswordFrom {
    /// The password, and whether it was made up here.
    fn password(&self) -> anyhow::Result<(Secret, bool)> {
        let text = match self.password_file.as_deref() {
            None => return Ok((passwords::generate(), true)),
            Some(path) if path == Path::new("-") => from_stdin()?,
            Some(path) => {
                let read = || -> std::io::Result<String> {
                    let mut text = String::new();
                    std::fs::File::open(path)?.take(MAX_PASSWORD_BYTES as u64 + 2).read_to_string(&mut text)?;
                    Ok(text)
                };
                read().with_context(|| format!("cannot read the password from {}", path.display()))?
            }
        };
        let first = text.lines().next().unwrap_or_default();
        anyhow::ensure!(!first.is_empty(), "the password is empty");
        Ok((Secret::new(first), false))
    }
}

fn from_stdin() -> anyhow::Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, isatty, tcgetattr, tcsetattr};
    let stdin = std::io::stdin();
    let before = if isatty(&stdin) { Some(tcgetattr(&stdin)?) } else { None };
    if let Some(before) = &before {
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &silent)?;
        #[allow(clippy::print_stderr, reason = "a prompt on the terminal")]
        {
            eprint!("Password: ");
        }
    }
    let mut line = String::new();
    let read = stdin.lock().take(MAX_PASSWORD_BYTES as u64 + 2).read_line(&mut line);
    if let Some(before) = &before {
        tcsetattr(&stdin, OptionalActions::Now, before)?;
        #[allow(clippy::print_stderr, reason = "the line that was not echoed")]
        {
            eprintln!();
        }
    }
    read.context("cannot read the password from standard input")?;
    Ok(line)
}
