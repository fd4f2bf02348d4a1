//! `effigy push` and `effigy pull`: the files of images, to and from a cloud, with what they show of it.
//!
//! The image's id goes to standard output, all else to standard error: a bar on a terminal, lines elsewhere.

use std::{
    io::{IsTerminal as _, Write as _, stderr},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value};
use tokio::signal::unix::{SignalKind, signal};

use crate::remote::{Access, Pull, Push, Remote, Said, Told, pull, push};

const SERVICE: &str = "the service";
/// The exit codes of a command that a signal ended, as shells have them.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

/// The cloud, named as OpenStack's clients name it.
#[derive(Args, Debug)]
struct Cloud {
    /// The cloud in clouds.yaml; without, OS_CLOUD or the other variables of the client say so.
    #[arg(long)]
    os_cloud: Option<String>,
}

/// The file to send.
#[derive(Args, Debug)]
pub(super) struct PushWanted {
    #[command(flatten)]
    cloud: Cloud,
    /// A disk, also one compressed with gzip, zstd, xz or bzip2.
    file: PathBuf,
    /// The image's name; without, the file's without its ending.
    #[arg(long)]
    name: Option<String>,
    /// raw, qcow2, vmdk, vhd, vhdx, vdi or iso; without, as the file's first bytes tell.
    #[arg(long)]
    disk_format: Option<String>,
    /// The store that takes it; without, the service's default.
    #[arg(long)]
    store: Option<String>,
    /// private, shared, community or public; without, as the service makes images.
    #[arg(long)]
    visibility: Option<String>,
    /// The least disk that it is launched on.
    #[arg(long, value_name = "GIB")]
    min_disk: Option<u32>,
    /// The least memory that it is launched with.
    #[arg(long, value_name = "MIB")]
    min_ram: Option<u32>,
    /// A tag of the image; may be given several times.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// A property of the image; may be given several times.
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
}

/// The image to fetch.
#[derive(Args, Debug)]
pub(super) struct PullWanted {
    #[command(flatten)]
    cloud: Cloud,
    /// The image's id, or its name.
    image: String,
    /// The file that it becomes.
    file: PathBuf,
    /// Replaces a file that is there.
    #[arg(long)]
    force: bool,
}

/// Sends a file, and prints the image's id.
///
/// # Errors
/// As [`push`](push()).
pub(super) fn run_push(wanted: PushWanted) -> anyhow::Result<ExitCode> {
    let show = Show::new();
    let work = async {
        let remote = wanted.cloud.open().await?;
        push(&remote, wanted.push(), &|told| show.tell(told)).await
    };
    show.until_stopped(work, "the service keeps what it has, and the same command sends the rest")
}

/// Fetches a file, and prints the image's id.
///
/// # Errors
/// As [`pull`](pull()).
pub(super) fn run_pull(wanted: PullWanted) -> anyhow::Result<ExitCode> {
    let show = Show::new();
    let of = Pull { image: wanted.image, target: wanted.file, replaces: wanted.force };
    let work = async {
        let remote = wanted.cloud.open().await?;
        pull(&remote, &of, &|told| show.tell(told)).await
    };
    show.until_stopped(work, "what came is kept beside the file, and the same command fetches the rest")
}

impl Cloud {
    async fn open(&self) -> anyhow::Result<Remote> {
        let said = Said { cloud: self.os_cloud.clone(), ..Said::default() };
        Remote::open(Access::read(said, &|name| std::env::var(name).ok())?, SERVICE).await
    }
}

impl PushWanted {
    fn push(&self) -> Push {
        let text = |(name, value): &(String, String)| (name.clone(), Value::from(value.as_str()));
        let mut fields: Map<String, Value> = self.properties.iter().map(text).collect();
        let more = [
            ("visibility", self.visibility.as_deref().map(Value::from)),
            ("min_disk", self.min_disk.map(Value::from)),
            ("min_ram", self.min_ram.map(Value::from)),
        ];
        fields.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Push {
            file: self.file.clone(),
            name: self.name.clone(),
            disk_format: self.disk_format.clone(),
            store: self.store.clone(),
            tags: self.tags.clone(),
            fields,
        }
    }
}

/// The person or the log at standard error.
struct Show {
    bar: ProgressBar,
    /// Whether there is something that the next run goes on with.
    has_begun: AtomicBool,
    /// The last line, which is not said again.
    last: Mutex<String>,
}

impl Show {
    fn new() -> Show {
        let target = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = "{bar:30} {percent:>3} %  {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {wide_msg}";
        let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style);
        Show { bar, has_begun: AtomicBool::new(false), last: Mutex::default() }
    }

    fn tell(&self, told: Told) {
        match told {
            Told::Read(bytes, of) => {
                self.moved(bytes, of, "reads the file");
                if bytes == of {
                    // The speed is that of each step.
                    self.bar.reset();
                }
            }
            Told::GoesOn(bytes) => {
                self.has_begun.store(true, Ordering::Relaxed);
                self.line(format!("goes on from byte {bytes}"));
                self.bar.set_position(bytes);
                self.bar.reset_eta();
            }
            Told::Came(bytes, of) => {
                self.has_begun.store(true, Ordering::Relaxed);
                self.moved(bytes, of, "");
            }
            Told::Waits(why) => {
                self.line(format!("waits: {why}"));
                self.bar.set_message("waits");
            }
            Told::Saves => {
                self.line("all is sent; the service saves it".into());
                self.bar.set_message("the service saves it");
            }
            Told::IsThere(image) => {
                self.line(format!("image {image} is this file already; another --name makes another"))
            }
            Told::Anew => self.line("what was there of an earlier run is not the image's: it is fetched anew".into()),
        }
    }

    fn moved(&self, bytes: u64, of: u64, message: &'static str) {
        self.bar.set_message(message);
        self.bar.set_length(of);
        self.bar.set_position(bytes);
    }

    /// Says a line, unless it was the last. Nobody may listen.
    fn line(&self, line: String) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != line {
            self.bar.suspend(|| drop(writeln!(stderr(), "{line}")));
            *last = line;
        }
    }

    /// Does the work and prints its answer, unless somebody stops it before; says then how it goes on.
    fn until_stopped(
        &self,
        work: impl Future<Output = anyhow::Result<String>>,
        goes_on: &str,
    ) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Runtime::new()?;
        let ended = runtime.block_on(async {
            tokio::select! {
                ended = work => Ok(ended),
                code = stopped() => Err(code),
            }
        });
        // A thread may be at work on a file for a while.
        runtime.shutdown_background();
        self.bar.finish_and_clear();
        match ended {
            Ok(answer) => {
                super::say(&format!("{}\n", answer?));
                Ok(ExitCode::SUCCESS)
            }
            Err(code) => {
                let code = code?;
                let has_begun = self.has_begun.load(Ordering::Relaxed);
                self.line(format!("stopped: {}", if has_begun { goes_on } else { "nothing has moved yet" }));
                Ok(ExitCode::from(code))
            }
        }
    }
}

/// Waits for the signal to stop; the exit code that tells of it.
async fn stopped() -> std::io::Result<u8> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(tokio::select! {
        _ = interrupt.recv() => INTERRUPTED,
        _ = terminate.recv() => TERMINATED,
    })
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("a property is NAME=VALUE".into()),
    }
}
