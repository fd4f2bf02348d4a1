//! The power is cut: what was not synced is gone.

use crate::{
    Ran,
    plan::Plan,
    support::{Effigy, Small},
    work::Work,
};

/// A real ext4 that stops at any time under mixed work; then the service is killed, and the disk mounted again.
pub async fn cuts(plan: Plan) -> Ran {
    let mut effigy = Effigy::prepared_on_sqlite("[instances]\nenabled = false\n[store]\nreserve_mib = 8\n");
    let disk = Small::ext4(effigy.data(), 1024)?;
    effigy.run().await;
    let work = Work::on(&plan, &effigy).await;
    while plan.goes_on() {
        let mut cut = Ok(());
        work.until(async {
            plan.pause(20..1500).await;
            work.is_off(true);
            cut = disk.cut_power();
            // Nothing reaches the disk any more, so nothing more may be acknowledged.
            plan.pause(1..100).await;
            effigy.kill9();
        })
        .await;
        cut?;
        disk.boot();
        work.is_off(false);
        effigy.run().await;
        work.holds(&effigy).await;
    }
    let ended = work.end(effigy).await;
    drop(disk);
    ended
}
