//! File calls fail: one, or all of a kind for a moment. The service goes on without a restart.

use std::time::Duration;

use crate::{Ran, plan::Plan, support::Effigy, work::Work};

/// EIO, ENOSPC and their like at the Nth write, sync, rename, or making of a file.
pub async fn fail(plan: Plan) -> Ran {
    let mut effigy = Effigy::prepared_on_sqlite("");
    let faults = effigy.faults();
    effigy.run().await;
    let work = Work::on(&plan, &effigy).await;
    while plan.goes_on() {
        let call = plan.one_of(&["pwrite", "write", "sync", "create", "rename", "truncate", "unlink", "any"]);
        let files = plan.one_of(&["*/data/effigy.db*", "*/data/store/*", "*/data/*"]);
        let outcome = plan.one_of(&["EIO", "ENOSPC", "EDQUOT", "EROFS", "SHORT"]);
        let stays = plan.one_of(&["", "", "+"]);
        faults.lay(&format!("{call} {files} {}{stays} {outcome}", plan.number(1..60)));
        work.until(plan.pause(100..800)).await;
        faults.lift();
        // Without a restart; every other time with one too.
        work.holds(&effigy).await;
        if plan.number(0..2) == 0 {
            effigy.kill9();
            effigy.run().await;
            work.holds(&effigy).await;
        }
    }
    work.end(effigy).await
}

/// Clients hang up in the middle of their requests, which the service ends by itself; then it is told to stop.
pub async fn hang_up(plan: Plan) -> Ran {
    let mut effigy = Effigy::start().await;
    let work = Work::on(&plan, &effigy).await;
    while plan.goes_on() {
        // Every request under way is dropped where it is, as clients do that hang up.
        let _ = tokio::time::timeout(Duration::from_millis(plan.number(5..300)), work.steps(100)).await;
        // A stop waits for the requests under way; only then is it known how each ended.
        effigy.restart().await;
        work.holds(&effigy).await;
    }
    work.end(effigy).await
}
