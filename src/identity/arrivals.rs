//! How users come in: when they last did, and the locks that keep them out.

use super::{
    Caller, Identity,
    failures::{Account, account},
    policy,
};
use crate::{
    db::now_ms,
    error::{Error, Result},
};

/// How a user comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub user_id: String,
    /// In milliseconds since 1970; `None` when that is not known.
    pub last_sign_in_ms: Option<i64>,
    /// The addresses that the account is locked for now.
    pub locked_addresses: usize,
    /// When the last of these locks ends, in milliseconds since 1970.
    pub locked_until_ms: Option<i64>,
}

impl Identity {
    /// How each user comes in. For administrators.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound` where users are another service's.
    pub async fn arrivals(&self, caller: &Caller) -> Result<Vec<Arrival>> {
        policy::administer(caller, "see how users sign in")?;
        self.is_own()?;
        let rows = self.db.sign_ins().await?;
        // Off the async threads: up to a hundred thousand failures are kept.
        let failures = self.failures.clone();
        let locks = tokio::task::spawn_blocking(move || failures.locks(now_ms())).await.map_err(Error::internal)?;
        let arrival = |row: crate::model::people::SignIn| {
            let of_user = locks.get(&account(&row.id)).map(Vec::as_slice).unwrap_or_default();
            let holds = of_user.iter().filter(|lock| lock.failed_ms > row.password_changed_ms);
            Arrival {
                last_sign_in_ms: row.last_sign_in_ms,
                locked_addresses: holds.clone().count(),
                locked_until_ms: holds.map(|lock| lock.until_ms).max(),
                user_id: row.id,
            }
        };
        Ok(rows.into_iter().map(arrival).collect())
    }

    /// Opens a locked account for every address. For administrators.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound` for a user that there is not.
    pub async fn unlock(&self, caller: &Caller, user: &str) -> Result<()> {
        policy::administer(caller, "unlock users")?;
        self.is_own()?;
        let missing = || Error::NotFound(format!("Could not find user: {user}."));
        let user = self.db.user(user).await?.ok_or_else(missing)?;
        let (failures, account): (_, Account) = (self.failures.clone(), account(&user.id));
        tokio::task::spawn_blocking(move || failures.forget_account(account)).await.map_err(Error::internal)
    }
}
