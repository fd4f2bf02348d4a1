//! A driver writes its instance's row: nobody else writes the state in it.

use std::time::Duration;

use super::driver::Driver;
use crate::{
    error::{Error, Result},
    model::{
        action::History,
        instance::{InstanceRow, InstanceState},
    },
};

/// How long a state waits for a database that is away before it is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(1);

impl Driver {
    /// Writes a new state, once, with what it means for the history.
    pub(super) async fn write_with(&mut self, new: InstanceState, history: History<'_>) -> Result<()> {
        let written = self.room.db.set_instance_state(self.row.id, &self.row.state, &new, history).await;
        match &written {
            Ok(()) => self.row.state = new,
            Err(Error::Conflict(_)) => {
                // Nobody else writes it. If somebody did, by hand, the row is the truth.
                let id = self.row.id;
                tracing::error!(instance.id = %id, "the row of instance {id} was changed by somebody else");
                self.read_again().await;
            }
            Err(_) => {}
        }
        written
    }

    /// Takes the row as it is, however long the database is away: what is decided next depends on it.
    pub(super) async fn read_again(&mut self) {
        loop {
            match self.room.db.instance(self.row.id).await {
                Ok(Some(row)) => self.row = row,
                // Deleted rows stay for a while, and only this driver deletes this one.
                Ok(None) => {}
                Err(error) => {
                    let id = self.row.id;
                    tracing::error!(instance.id = %id, "the row of instance {id} cannot be read: {error}; trying again");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            }
            return;
        }
    }

    /// Writes a new state that is true already, and that what was being done has ended, however long the database is
    /// away.
    pub(super) async fn settle(&mut self, new: InstanceState, history: History<'_>) {
        while let Err(error) = self.write_with(new.clone(), history).await {
            let id = self.row.id;
            tracing::error!(instance.id = %id, "the state of instance {id} cannot be written: {error}; trying again");
            tokio::time::sleep(RETRY).await;
        }
        // The owner may have renamed it: the next start tells the guest.
        if let Ok(Some(row)) = self.room.db.instance(self.row.id).await {
            self.row = InstanceRow { state: self.row.state.clone(), ..row };
        }
    }
}
