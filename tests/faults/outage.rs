//! PostgreSQL is killed, frozen, stopped, ends its connections; and the service is killed beside it.

use std::time::Duration;

use crate::{
    Ran,
    plan::Plan,
    support::{Effigy, Postgres},
    work::Work,
};

/// The service promises an answer within ten seconds; the rest is for a busy machine.
const BOUND: Duration = Duration::from_secs(20);

/// One of these at any time under mixed work.
pub async fn of_postgres(plan: Plan) -> Ran {
    let mut postgres = Postgres::alone();
    let mut effigy = Effigy::prepared_on(&postgres.fresh(), "");
    effigy.run().await;
    let work = Work::on(&plan, &effigy).await;
    while plan.goes_on() {
        let fault = plan.number(0..5);
        work.until(async {
            plan.pause(50..1000).await;
            let for_ms = plan.number(100..8000);
            match fault {
                0 => effigy.kill9(),
                1 => apart(|| postgres.end_connections()),
                2 => {
                    postgres.freeze();
                    plan.pause(for_ms..for_ms + 1).await;
                    postgres.thaw();
                }
                3 => {
                    apart(|| postgres.stop());
                    plan.pause(for_ms / 2..for_ms / 2 + 1).await;
                    apart(|| postgres.start_again());
                }
                _ => {
                    apart(|| postgres.kill());
                    plan.pause(for_ms / 2..for_ms / 2 + 1).await;
                    apart(|| postgres.start_again());
                }
            }
        })
        .await;
        if fault == 0 {
            effigy.run().await;
        }
        work.holds(&effigy).await;
        assert!(work.slowest() < BOUND, "an answer took {:?}", work.slowest());
    }
    plan.remark(format!("slowest answer {:.1} s", work.slowest().as_secs_f64()));
    work.end(effigy).await
}

/// psql runs beside the requests: it blocks a thread of its own.
fn apart<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}
