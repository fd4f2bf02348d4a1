//! A driver writes its instance's row: nobody else writes the state in it.

use std::time::Duration;

use super::driver::Driver;
use crate::{
    error::{Error, Result},
    model::{
        action::History,
        instance::{InstanceRow, InstanceState, Status, TaskState},
    },
};

/// How long a state waits for a database that is away before it is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// Whether the row has what an order wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Yes,
    No,
    /// The answer of the database was lost.
    Perhaps,
}

impl Written {
    pub(super) fn by(answer: &Result<()>) -> Written {
        match answer {
            Ok(()) => Written::Yes,
            Err(Error::Unavailable(_) | Error::Internal(_)) => Written::Perhaps,
            Err(_) => Written::No,
        }
    }
}

impl Driver {
    /// Whether an order is to be carried out. Where the database's answer was lost the row tells: an order that stands there
    /// and that nobody carries out would keep the instance busy for ever.
    pub(super) async fn is_taken(&mut self, written: Written, before: &InstanceState) -> bool {
        match written {
            Written::Yes => true,
            Written::No => false,
            Written::Perhaps => {
                self.read_again().await;
                (self.row.state.status, self.row.state.task) != (before.status, before.task)
            }
        }
    }

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
    /// away. Where the row meanwhile says that another is to be made of it, that is gone on with instead: its make is new,
    /// and no longer that of the disk which `new` is about.
    pub(super) async fn settle(&mut self, new: InstanceState, history: History<'_>) {
        let before = self.row.state.clone();
        while let Err(error) = self.write_with(new.clone(), history).await {
            let now = &self.row.state;
            let is_remade =
                matches!(now.status, Status::Rebuild | Status::Resize) || now.task == Some(TaskState::Rescuing);
            if is_remade && now.task.is_some() && now.task != before.task {
                return Box::pin(self.carry_on()).await;
            }
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
