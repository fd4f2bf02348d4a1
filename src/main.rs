//! The command line. Decides nothing: it reads the settings and calls the library.

use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use effigy::{
    app::{self, App},
    config::{Config, LogFormat},
    jobs::commands::StoreCommand,
};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A cloud's VM image service in one program.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// The configuration file (TOML).
    #[arg(long, global = true, env = "EFFIGY_CONFIG")]
    config: Option<PathBuf>,
    /// The folder of everything the service keeps.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
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
    Admin(effigy::admin::Command),
    /// Checks the signed verification of an image, offline; fails when it is not believed or the image did not pass.
    Verify {
        /// The statement, as `/effigy/v1/images/{id}/verification` answers it.
        statement: PathBuf,
        /// The deployment's public key (PEM); without, the one in the data folder.
        #[arg(long)]
        key: Option<PathBuf>,
        /// The image's file, to compare with the statement.
        #[arg(long)]
        image: Option<PathBuf>,
    },
    /// Looks into a disk for the service; nobody types this.
    #[command(name = effigy::inspect::jail::COMMAND, hide = true)]
    InspectDisk {
        #[arg(long)]
        size_bytes: u64,
        #[arg(long)]
        scope: String,
        #[arg(long)]
        user: u32,
    },
    /// Looks at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Looks after the stores, beside a running service or without one.
    Store {
        #[command(subcommand)]
        command: StoreCommand,
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

fn main() -> ExitCode {
    match run(Cli::parse()) {
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

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Command::InspectDisk { size_bytes, scope, user } = &cli.command {
        effigy::inspect::jail::run(*size_bytes, scope, *user)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut config = Config::load(cli.config.as_deref())?;
    if let Some(data) = cli.data {
        config.server.data = data;
    }
    match cli.command {
        Command::Serve { listen } => {
            config.server.listen = listen.unwrap_or(config.server.listen);
            serve(config).map(|()| ExitCode::SUCCESS)
        }
        Command::Admin(command) => admin(&config, command).map(|()| ExitCode::SUCCESS),
        Command::Config(ConfigCommand::Check) => {
            say(&config.redacted()?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify { statement, key, image } => {
            let data = &config.server.data;
            say(&effigy::inspect::statement::check(&statement, key.as_deref(), image.as_deref(), data)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::InspectDisk { .. } => Ok(ExitCode::SUCCESS),
        Command::Store { command, store } => look_after_stores(config, command, store.as_deref()),
    }
}

#[allow(clippy::print_stdout, reason = "the answer of a command")]
fn say(answer: &str) {
    print!("{answer}");
}

#[tokio::main]
async fn look_after_stores(config: Config, command: StoreCommand, name: Option<&str>) -> anyhow::Result<ExitCode> {
    start_log(&config.log);
    app::look_after_stores(&config, command, name).await
}

#[tokio::main]
async fn serve(config: Config) -> anyhow::Result<()> {
    start_log(&config.log);
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    App::open(config).await?.serve(stop).await
}

#[tokio::main]
async fn admin(config: &Config, command: effigy::admin::Command) -> anyhow::Result<()> {
    let identity = effigy::app::open_identity(config).await?;
    say(&effigy::admin::run(identity, &config.server.data, command).await?);
    Ok(())
}

fn start_log(settings: &effigy::config::Log) {
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

async fn stop_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).expect("a signal handler can be installed");
    let mut int = signal(SignalKind::interrupt()).expect("a signal handler can be installed");
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    stop.cancel();
}
