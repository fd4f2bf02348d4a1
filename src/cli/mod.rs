//! The command line: reads the settings, calls the library, and prints what came of it.
//!
//! One file for each command: [`serve`], [`admin`], [`store`], [`verify`], [`push`], [`import_glance`], [`manual`]. A command that fails says why
//! on standard error; its answer goes to standard output, so that `effigy config check >effigy.toml` works.

mod admin;
mod import_glance;
mod manual;
mod push;
mod serve;
mod store;
mod verify;

use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::{
    config::{self, Config, LogFormat},
    inspect::jail,
};

/// A cloud's VM image service in one program.
#[derive(Parser)]
#[command(name = "effigy", version = crate::VERSION, about)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// Where the settings come from.
#[derive(Args)]
struct Settings {
    /// The configuration file (TOML).
    #[arg(long, global = true, env = "EFFIGY_CONFIG")]
    config: Option<PathBuf>,
    /// The folder of everything the service keeps.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the service.
    Serve {
        /// The address to listen on; port 0 takes a free one.
        #[arg(long)]
        listen: Option<SocketAddr>,
    },
    /// Makes users, projects and roles, offline or beside a running service.
    #[command(subcommand)]
    Admin(admin::Command),
    /// Checks the signed verification of an image, offline; fails when it is not believed or the image did not pass.
    Verify(verify::Wanted),
    /// Makes an image of a file at a cloud's Effigy, and prints its id. The bytes that came stay when the line breaks or the
    /// command is killed, and the same command again sends the rest.
    Push(push::PushWanted),
    /// Fetches the file of an image of a cloud, compares it with the image's digest, and prints the image's id; run again, it
    /// goes on where it was.
    Pull(push::PullWanted),
    /// Brings every image of a running Glance over, while this service is stopped; run again, it goes on and brings up to
    /// date.
    ImportGlance(import_glance::Wanted),
    /// Looks into a disk for the service; not for people.
    #[command(name = jail::COMMAND, hide = true)]
    InspectDisk {
        #[arg(long)]
        size_bytes: u64,
        #[arg(long)]
        scope: String,
        #[arg(long)]
        user: u32,
    },
    /// Prints what completes this command line in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Writes the pages of man into a folder; for those who make packages.
    #[command(hide = true)]
    Man {
        /// The folder, which must be there.
        folder: PathBuf,
    },
    /// Looks at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Looks after the stores, beside a running service or without one.
    Store {
        #[command(subcommand)]
        command: store::Command,
        /// The name of one store; without, every store.
        #[arg(long, global = true)]
        store: Option<String>,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Prints the effective values, without secrets.
    Check,
}

/// Runs the command that the program was started with.
pub fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "the command line answers on standard error")]
            {
                eprintln!("effigy: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

/// The grammar of the command line, for those who check that what is written about it holds.
pub fn grammar() -> clap::Command {
    Cli::command()
}

impl Cli {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Cli { settings, command } = self;
        match command {
            Command::Serve { listen } => {
                let mut config = settings.load()?;
                config.server.listen = listen.unwrap_or(config.server.listen);
                serve::run(config)?;
            }
            Command::Admin(command) => say(&admin::run(&settings.load()?, command)?),
            Command::Verify(wanted) => say(&verify::run(&wanted, &settings.load()?.server.data)?),
            Command::Config(ConfigCommand::Check) => say(&settings.load()?.redacted()?),
            Command::Store { command, store } => return store::run(settings.load()?, command, store.as_deref()),
            Command::Push(wanted) => return push::run_push(wanted),
            Command::Pull(wanted) => return push::run_pull(wanted),
            Command::ImportGlance(wanted) => return import_glance::run(settings.load()?, wanted),
            Command::Completions { shell } => say(&manual::completions(grammar(), shell)),
            Command::Man { folder } => manual::pages(grammar(), &folder)?,
            // It reads no settings: all that it may know is on its command line.
            Command::InspectDisk { size_bytes, scope, user } => jail::run(size_bytes, &scope, user)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Settings {
    fn load(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(data) = &self.data {
            config.server.data.clone_from(data);
        }
        Ok(config)
    }
}

#[allow(clippy::print_stdout, reason = "the answer of a command")]
fn say(answer: &str) {
    print!("{answer}");
}

fn start_log(settings: &config::Log) {
    let filter = tracing_subscriber::EnvFilter::new(&settings.filter);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match settings.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
