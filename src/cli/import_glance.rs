//! `effigy import-glance`: the images of a running Glance brought over, while the service is stopped; or compared, beside it.

use std::{io, path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{
    app::{self, Stock},
    config::{Config, Log, Quota},
    glance::{Glance, Import, Options, Report},
    remote::{Access, Said},
};

/// The folder of an import, in the data folder.
const FOLDER: &str = "import-glance";
/// Uploads and downloads share two directions of one network card: more at once bring little.
const AT_ONCE: usize = 2;

/// The Glance, and the way to bring its images over.
#[derive(Args, Debug)]
pub(super) struct Wanted {
    /// The cloud in clouds.yaml whose Glance it is; without, OS_CLOUD or the other variables of the client say so.
    #[arg(long)]
    os_cloud: Option<String>,
    /// A token of an admin, in place of a sign-in; OS_TOKEN keeps it out of the list of processes.
    #[arg(long)]
    token: Option<String>,
    /// The address of Glance, in place of the one in Keystone's catalog.
    #[arg(long, value_name = "URL")]
    glance: Option<String>,
    /// Compares only, and writes nothing; also beside a running service.
    #[arg(long)]
    verify: bool,
    /// Deletes the images that came from Glance and are deleted there.
    #[arg(long, conflicts_with = "verify")]
    delete: bool,
    /// Images that are brought over at the same time.
    #[arg(long, default_value_t = AT_ONCE, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=16))]
    at_once: usize,
    /// The folder for the bytes of files under way; without, one in the data folder.
    #[arg(long, value_name = "FOLDER")]
    parts: Option<PathBuf>,
}

/// Brings the images over, or compares, and prints the report. The exit code says whether both sides are the same.
///
/// # Errors
/// The service runs; Glance or the database is away.
#[tokio::main]
pub(super) async fn run(mut config: Config, wanted: Wanted) -> anyhow::Result<ExitCode> {
    // Its own lines say how far it is.
    super::start_log(&Log { filter: "warn".into(), ..config.log.clone() });
    let said = Said { cloud: wanted.os_cloud, token: wanted.token, address: wanted.glance };
    let glance = Glance::open(Access::read(said, &|name| std::env::var(name).ok())?).await?;
    // An image that a project has in Glance comes over; the quotas, its own too, bind the images that are made here.
    let Quota { images, image_bytes, uploads, staged_bytes, .. } = &mut config.quota;
    for limit in [images, image_bytes, uploads, staged_bytes] {
        *limit = u64::MAX;
    }
    let stock = if wanted.verify {
        app::check_database_is_there(&config)?;
        Stock::beside_a_service(&config).await?
    } else {
        Stock::open(&config).await?
    };
    let folder = config.server.data.join(FOLDER);
    let parts = wanted.parts.unwrap_or_else(|| folder.clone());
    let import = Import {
        images: &stock.images,
        glance: &glance,
        options: Options { folder, parts, at_once: wanted.at_once, deletes: wanted.delete },
        tell: &tell,
    };
    let report = if wanted.verify { import.verify().await } else { import.run().await };
    stock.close().await;
    answer(&report?)
}

fn answer(report: &Report) -> anyhow::Result<ExitCode> {
    super::say(&report.to_string());
    Ok(if report.is_the_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Progress goes to standard error, so that the report can be kept in a file. Nobody may listen.
fn tell(line: String) {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "{line}");
}
