//! `effigy store …`: looking after the stores by hand, beside a running service or without one.

use std::process::ExitCode;

use chunks::{Leftovers, Problem, ScrubOptions};
use clap::Subcommand;

use crate::stores::{Store, Stores};

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
    /// Does it with the store of this name, or with every store, and prints what came of it.
    ///
    /// # Errors
    /// There is no such store; a store or the database cannot be read.
    pub async fn run(self, stores: &Stores, name: Option<&str>) -> anyhow::Result<ExitCode> {
        let chosen: Vec<_> = stores.all().iter().filter(|store| name.is_none_or(|name| store.name == name)).collect();
        anyhow::ensure!(!chosen.is_empty(), "there is no store '{}' here", name.unwrap_or_default());
        let mut are_sound = true;
        for store in &chosen {
            let (text, is_sound) = match self {
                StoreCommand::Stats => (stats(store).await?, true),
                StoreCommand::Check => check(store).await?,
                StoreCommand::Sweep => (sweep(store).await?, true),
                StoreCommand::Scrub => scrub(store).await?,
            };
            are_sound &= is_sound;
            let heading = if chosen.len() > 1 { format!("store {}:\n", store.name) } else { String::new() };
            #[allow(clippy::print_stdout, reason = "the answer of the command")]
            {
                println!("{heading}{text}");
            }
        }
        Ok(if are_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

async fn sweep(store: &Store) -> anyhow::Result<String> {
    let first = store.chunks.sweep(&store.index).await?;
    let second = store.chunks.sweep(&store.index).await?;
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

async fn scrub(store: &Store) -> anyhow::Result<(String, bool)> {
    let report = store.chunks.scrub(ScrubOptions::default()).await?;
    let mut lines = Vec::new();
    for name in super::scrub::hurt_by(store, &report.damaged).await? {
        lines.push(format!("damaged: {name}"));
    }
    lines.extend(report.damaged.iter().map(|chunk| format!("damaged: chunk {chunk}")));
    lines.push(format!("read {} chunks, {} bytes: {} damaged", report.chunks, report.bytes, report.damaged.len()));
    Ok((lines.join("\n"), report.damaged.is_empty()))
}
