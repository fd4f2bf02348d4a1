//! `effigy store …`: looking after the stores by hand, beside a running service or without one.
//!
//! A command looks after what is there and makes nothing: a data folder without a database, a store that no service
//! has opened yet and a store whose folder is gone are refused.

use std::{process::ExitCode, time::Duration};

use chunks::{Leftovers, Problem, ScrubOptions};
use clap::Subcommand;

use crate::{
    app,
    config::Config,
    db::Database,
    ids::ImageId,
    images::{Images, Move, Progress},
    jobs::scrub::hurt_by,
    stores::{Store, Stores},
};

/// The commands on stores.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Command {
    /// Counts chunks, segments and bytes.
    Stats,
    /// Proves that every image is whole and every row true; fails when one is not.
    Check,
    /// Deletes what nothing refers to, in two sweeps: one finds it, the next makes sure and removes it.
    Sweep,
    /// Copies all images of one store to another; the running service makes the copies, and quotas do not count.
    Copy {
        /// The store that has them.
        from: String,
        /// The store that gets them.
        to: String,
        /// Takes each image out of the first store when the second one has it.
        #[arg(long = "move")]
        leaves: bool,
    },
    /// Removes objects from a bucket that no row knows; fails when they are more than one would expect.
    Orphans {
        /// Removes them however many they are.
        #[arg(long)]
        force: bool,
        /// Leaves objects alone that are younger, in hours: they may be on their way.
        #[arg(long, default_value_t = 24)]
        hours: u64,
    },
    /// Reads every chunk again, from where the last scrub stopped; fails when one is damaged.
    Scrub,
}

/// Does it with the store of this name, or with every store, and prints what came of it.
///
/// # Errors
/// There is no such store, or it is not where it was; a store or the database cannot be read.
#[tokio::main]
pub(super) async fn run(mut config: Config, command: Command, name: Option<&str>) -> anyhow::Result<ExitCode> {
    super::start_log(&config.log);
    if let Command::Copy { from, to, leaves } = &command {
        app::check_database_is_there(&config)?;
        return copy(&config, from, to, *leaves).await;
    }
    if let Some(name) = name {
        config.stores.retain(|store, _| store == name);
        anyhow::ensure!(!config.stores.is_empty(), "there is no store '{name}' here");
    }
    app::check_database_is_there(&config)?;
    let db = app::open_database(&config).await?;
    let done = look_after(&config, &db, command).await;
    db.close().await;
    done
}

async fn look_after(config: &Config, db: &Database, command: Command) -> anyhow::Result<ExitCode> {
    for name in config.stores.keys() {
        let was_opened = db.store_index(name).await?.was_opened();
        anyhow::ensure!(was_opened, "the store '{name}' is new: the service makes its folder when it starts");
    }
    let stores = app::open_stores(config, db).await?;
    let done = command.run(&stores).await;
    stores.close().await;
    done
}

impl Command {
    async fn run(self, stores: &Stores) -> anyhow::Result<ExitCode> {
        let mut are_sound = true;
        for store in stores.all() {
            let (text, is_sound) = match &self {
                Command::Stats => (stats(store).await?, true),
                Command::Check => check(store).await?,
                Command::Sweep => sweep(store).await?,
                Command::Orphans { force, hours } => orphans(store, *force, *hours).await?,
                Command::Copy { .. } => unreachable!("it is about two stores"),
                Command::Scrub => scrub(store).await?,
            };
            are_sound &= is_sound;
            let heading = if stores.all().len() > 1 { format!("store {}:\n", store.name) } else { String::new() };
            super::say(&format!("{heading}{text}\n"));
        }
        Ok(if are_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// How often a copy's progress is looked at, and how many looks without any are worth a word.
const LOOK: Duration = Duration::from_secs(1);
const STILL: u32 = 120;

async fn copy(config: &Config, from: &str, to: &str, leaves: bool) -> anyhow::Result<ExitCode> {
    let stock = app::Stock::beside_a_service(config).await?;
    let copied = copy_each(&stock.images, from, to, leaves).await;
    stock.close().await;
    let failed = copied?;
    for id in &failed {
        super::say(&format!("failed: image {id}\n"));
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn copy_each(images: &Images, from: &str, to: &str, leaves: bool) -> anyhow::Result<Vec<ImageId>> {
    let mut copies = Move::new(images, from, to, leaves)?;
    let (mut last, mut still) = (Progress::default(), 0);
    loop {
        let progress = copies.step().await?;
        still = if progress == last { still + 1 } else { 0 };
        if still == STILL {
            super::say("no image was done for two minutes: a large one takes longer; the service must be running\n");
        }
        if progress != last {
            let Progress { there, under_way, failed } = &progress;
            let failed = failed.len();
            super::say(&format!("{there} images are in '{to}', {under_way} are to come, {failed} failed\n"));
        }
        if progress.under_way == 0 {
            return Ok(progress.failed);
        }
        last = progress;
        tokio::time::sleep(LOOK).await;
    }
}

async fn stats(store: &Store) -> anyhow::Result<String> {
    let stats = store.chunks.stats().await?;
    let totals = stats.totals;
    Ok(format!(
        "chunks         {}\nraw bytes      {}\nstored bytes   {}\nfile bytes     {}\nsegments       {} ({} open)\n\
         condemned      {}\ndamaged        {}\nsaves          {}\nepoch          {}",
        totals.chunks,
        totals.raw_bytes,
        totals.stored_bytes,
        stats.file_bytes,
        stats.segments,
        stats.open_segments,
        totals.condemned,
        totals.damaged,
        totals.sessions,
        totals.epoch,
    ))
}

async fn check(store: &Store) -> anyhow::Result<(String, bool)> {
    let report = store.chunks.check(&store.index).await?;
    let mut lines = Vec::new();
    for problem in &report.problems {
        lines.push(match problem {
            Problem::Content { root, reason, .. } => {
                let names = store.index.names_of_root(&root.to_string()).await?;
                format!("broken: {}: {reason}", names.join(", "))
            }
            Problem::Row { chunk, reason } => format!("broken: the row of chunk {chunk}: {reason}"),
        });
    }
    let Leftovers { chunks, chunk_bytes, dead_bytes, segments, unknown_files } = report.leftovers;
    lines.push(format!(
        "checked {} contents, {} chunks, {} segments: {} problems",
        report.roots, report.chunks, report.segments, report.problem_count
    ));
    lines.push(format!(
        "left over, for a sweep to take: {chunks} chunks ({chunk_bytes} bytes), {dead_bytes} bytes in segments, \
         {segments} open segments, {unknown_files} unknown files"
    ));
    Ok((lines.join("\n"), report.is_sound()))
}

async fn sweep(store: &Store) -> anyhow::Result<(String, bool)> {
    let first = store.chunks.sweep(&store.index).await?;
    let second = store.chunks.sweep(&store.index).await?;
    let done = format!(
        "removed {} chunks ({} bytes), gave back {} bytes in {} segments, moved {} bytes; {} chunks wait for the next sweep",
        first.removed + second.removed,
        first.removed_bytes + second.removed_bytes,
        first.dropped_bytes + second.dropped_bytes,
        first.segments_dropped + second.segments_dropped,
        first.moved_bytes + second.moved_bytes,
        second.condemned,
    );
    // The reason that stopped the first one may be over.
    Ok(match second.stopped {
        Some(why) => (format!("{done}\nleft undone: {why}"), false),
        None => (done, true),
    })
}

async fn orphans(store: &Store, is_forced: bool, hours: u64) -> anyhow::Result<(String, bool)> {
    let age = Duration::from_secs(hours.saturating_mul(3_600));
    let report = store.chunks.remove_orphans(age, is_forced).await?;
    let mut lines = vec![format!(
        "looked at {} objects: {} orphans ({} bytes), {} removed; {} that are no segments",
        report.objects, report.orphans, report.orphan_bytes, report.removed, report.strangers
    )];
    if report.of_the_future > 0 {
        lines.push(format!(
            "{} objects are of segments that the database has not made yet: it was restored from a copy that is older than \
             they are. They are left alone.",
            report.of_the_future
        ));
    }
    if report.is_doubtful {
        lines.push(
            "these are more than a late request leaves: look whether it is the right database, then use --force".into(),
        );
    }
    Ok((lines.join("\n"), !report.is_doubtful))
}

async fn scrub(store: &Store) -> anyhow::Result<(String, bool)> {
    let report = store.chunks.scrub(ScrubOptions::default()).await?;
    let mut lines = Vec::new();
    for (word, chunks) in [("damaged", &report.damaged), ("unread", &report.unread)] {
        for name in hurt_by(store, chunks).await? {
            lines.push(format!("{word}: {name}"));
        }
        lines.extend(chunks.iter().map(|chunk| format!("{word}: chunk {chunk}")));
    }
    let (damaged, unread) = (report.damaged.len(), report.unread.len());
    let of_unread = if unread > 0 { format!(", {unread} could not be read now") } else { String::new() };
    lines.push(format!("read {} chunks, {} bytes: {damaged} damaged{of_unread}", report.chunks, report.bytes));
    Ok((lines.join("\n"), damaged + unread == 0))
}
