//! `effigy store …`: looking after the store by hand, beside a running service or without one.

use std::process::ExitCode;

use chunks::{Leftovers, Problem, ScrubOptions, Store};
use clap::Subcommand;

use crate::db::Database;

/// What the command line can do with the store.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum StoreCommand {
    /// Counts chunks, segments and bytes.
    Stats,
    /// Proves that every image is whole and every row true; fails when one is not.
    Check,
    /// Deletes what nothing refers to, in two sweeps: one finds it, the next makes sure and removes it.
    Sweep,
    /// Reads every chunk again, from where the last scrub stopped; fails when one is damaged.
    Scrub,
}

impl StoreCommand {
    /// Does it and prints what came of it.
    ///
    /// # Errors
    /// The store or the database cannot be read.
    pub async fn run(self, store: &Store, db: &Database) -> anyhow::Result<ExitCode> {
        let (text, is_sound) = match self {
            StoreCommand::Stats => (stats(store).await?, true),
            StoreCommand::Check => check(store, db).await?,
            StoreCommand::Sweep => (sweep(store, db).await?, true),
            StoreCommand::Scrub => scrub(store, db).await?,
        };
        #[allow(clippy::print_stdout, reason = "the answer of the command")]
        {
            println!("{text}");
        }
        Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

async fn stats(store: &Store) -> anyhow::Result<String> {
    let stats = store.stats().await?;
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

async fn check(store: &Store, db: &Database) -> anyhow::Result<(String, bool)> {
    let report = store.check(db).await?;
    let mut lines = Vec::new();
    for problem in &report.problems {
        lines.push(match problem {
            Problem::Content { root, reason, .. } => {
                let names = db.names_of_root(&root.to_string()).await?;
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

async fn sweep(store: &Store, db: &Database) -> anyhow::Result<String> {
    let first = store.sweep(db).await?;
    let second = store.sweep(db).await?;
    Ok(format!(
        "removed {} chunks ({} bytes), gave back {} bytes in {} segments, moved {} bytes; {} chunks wait for the next sweep",
        first.removed + second.removed,
        first.removed_bytes + second.removed_bytes,
        first.dropped_bytes + second.dropped_bytes,
        first.segments_dropped + second.segments_dropped,
        first.moved_bytes + second.moved_bytes,
        second.condemned,
    ))
}

async fn scrub(store: &Store, db: &Database) -> anyhow::Result<(String, bool)> {
    let report = store.scrub(ScrubOptions::default()).await?;
    let mut lines = Vec::new();
    for name in super::scrub::hurt_by(store, db, &report.damaged).await? {
        lines.push(format!("damaged: {name}"));
    }
    lines.extend(report.damaged.iter().map(|chunk| format!("damaged: chunk {chunk}")));
    lines.push(format!("read {} chunks, {} bytes: {} damaged", report.chunks, report.bytes, report.damaged.len()));
    Ok((lines.join("\n"), report.damaged.is_empty()))
}
