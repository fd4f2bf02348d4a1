//! `effigy serve`: the service, until it is told to stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{app::App, config::Config};

/// Serves until SIGTERM or SIGINT.
#[tokio::main]
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    super::start_log(&config.log);
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    App::open(config).await?.serve(stop).await
}

async fn stop_on_signal(stop: CancellationToken) {
    let mut term = signal(SignalKind::terminate()).expect("a signal handler can be installed");
    let mut int = signal(SignalKind::interrupt()).expect("a signal handler can be installed");
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    stop.cancel();
}
