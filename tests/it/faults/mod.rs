//! File calls that fail under the running service, one at a time: the request that meets it may fail, and nothing else.
//! And a PostgreSQL that is silent, away, or ends its connections.
//!
//! Each is one claim. `tests/faults` has campaigns, which make faults at random for as long as one lets them.

mod database;
mod outage;
mod postgres;
mod store;

use crate::support::{Answer, Effigy, Faults};

/// A service whose file calls can be made to fail.
async fn service() -> (Effigy, Faults) {
    let mut effigy = Effigy::prepared_on_sqlite("");
    let faults = effigy.faults();
    effigy.run().await;
    (effigy, faults)
}

/// Holds a failed answer to its words: it is a 503, and says when to come back.
fn is_clear(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("try again") && !answer.text().contains("begin_with"), "{}", answer.text());
}
