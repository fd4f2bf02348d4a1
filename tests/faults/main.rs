//! Campaigns of faults: each hurts a service again and again and compares it with the ledger of all that was acknowledged.
//!
//! ```text
//! make faults                              every campaign, FAULTS_MINUTES (60) in all
//! make siege                               the sieges alone
//! cargo test --test faults -- kill full    those whose name has one of these words
//! FAULTS_SEED=7 …                          the plan of an earlier run; not its interleaving
//! ```
//!
//! A campaign is one function with a [`Plan`]: it starts a service, and `while plan.goes_on()` hurts it and looks whether
//! the ledger holds. A panic is a violation: it is counted, and the campaign starts anew. `Err(why)` says that this
//! machine cannot run it. To add one, write that function and name it in [`CAMPAIGNS`].

#![allow(
    unreachable_pub,
    unused_imports,
    reason = "a test program has no outside; each test uses its part of the support"
)]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stdout, reason = "its table is for the person who runs it")]

#[path = "../it/support/mod.rs"]
mod support;

mod calls;
mod full;
mod kills;
mod ledger;
mod outage;
mod plan;
mod power;
mod rot;
mod siege;
mod work;

use std::{
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime},
};

use futures::future::BoxFuture;
use plan::{Plan, Tally};

/// The end of a run that found nothing; an error says why this machine cannot run the campaign.
pub type Ran = Result<(), String>;

type Campaign = fn(Plan) -> BoxFuture<'static, Ran>;

const CAMPAIGNS: [(&str, Campaign); 14] = [
    ("kill -9 by the clock", |plan| Box::pin(kills::by_the_clock(plan))),
    ("kill -9 at a call, and in the start", |plan| Box::pin(kills::at_a_call(plan))),
    ("kill -9 in launches and captures", |plan| Box::pin(kills::under_guests(plan))),
    ("power cuts of an ext4", |plan| Box::pin(power::cuts(plan))),
    ("file calls that fail", |plan| Box::pin(calls::fail(plan))),
    ("clients that hang up, and SIGTERM", |plan| Box::pin(calls::hang_up(plan))),
    ("bit flips that nobody has read", |plan| Box::pin(rot::flips(plan))),
    ("disk full by others", |plan| Box::pin(full::by_others(plan))),
    ("disk full by saves and bombs", |plan| Box::pin(full::by_saves(plan))),
    ("disk full by the audit", |plan| Box::pin(full::by_the_audit(plan))),
    ("disk full by guests", |plan| Box::pin(full::by_guests(plan))),
    ("PostgreSQL killed, frozen, stopped", |plan| Box::pin(outage::of_postgres(plan))),
    ("siege by a stranger", |plan| Box::pin(siege::by_a_stranger(plan))),
    ("siege by a member", |plan| Box::pin(siege::by_a_member(plan))),
];

/// A campaign ends at so many violations: more say nothing new.
const ENOUGH: usize = 3;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(&**word));
    let wanted: Vec<_> = CAMPAIGNS.iter().filter(|(name, _)| is_wanted(name)).collect();
    let minutes: f64 = std::env::var("FAULTS_MINUTES").ok().and_then(|given| given.parse().ok()).unwrap_or(1.0);
    let share = Duration::from_secs_f64(minutes * 60.0 / wanted.len().max(1) as f64);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    let seed = number("FAULTS_SEED").unwrap_or(now.as_secs());
    println!("{} campaigns of {} s, FAULTS_SEED={seed}", wanted.len(), share.as_secs());
    let mut lines = Vec::new();
    let mut is_whole = true;
    for (name, campaign) in wanted {
        let (line, violations) = run(name, *campaign, share, seed).await;
        println!("{line}");
        lines.push(line);
        is_whole &= violations == 0;
    }
    println!("\n| campaign | faults | files compared | violations | |\n| --- | --- | --- | --- | --- |");
    println!("{}", lines.join("\n"));
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a campaign for its share of the time: its line of the table, and its violations.
async fn run(name: &str, campaign: Campaign, share: Duration, seed: u64) -> (String, usize) {
    let (until, tally) = (Instant::now() + share, Arc::new(Tally::default()));
    let (mut violations, mut runs) = (0, 0);
    while runs == 0 || (Instant::now() < until && violations < ENOUGH) {
        let own = name.bytes().fold(seed + runs, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        runs += 1;
        match tokio::spawn(campaign(Plan::new(own, until, tally.clone()))).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                tally.remarks.lock().expect("no panic").push(format!("NOT RUN: {}", why.replace('\n', " ")));
                break;
            }
            Err(panic) => {
                violations += 1;
                println!("VIOLATION in {name}, run {runs}: {panic}");
            }
        }
    }
    let (faults, compared) = (tally.faults.load(Ordering::Relaxed), tally.compared.load(Ordering::Relaxed));
    let remarks = tally.remarks.lock().expect("no panic").join("; ");
    (format!("| {name} | {faults} | {compared} | {violations} | {remarks} |"), violations)
}
