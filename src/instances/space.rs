//! Free space on the file system of the instances' disks.
//!
//! Guests write as they like, and on the same file system lies what everybody else needs: the database, usually the
//! chunks too. So guests are paused before they eat the reserve, those that grow first, and go on when there is room.
//!
//! ```text
//! free:   0 ......... 3/4 reserve ......... reserve ......... 5/4 reserve .........
//!         every guest   │   guests that grow   │  (as it was)  │   no guest is paused
//!         is paused     │   are paused         │               │
//! ```

use std::{path::PathBuf, time::Duration};

use tokio::{sync::watch, time::sleep};

/// How fast disks may fill, in bytes a second, for the next look to be in time: more than any disk of today takes.
const FASTEST: u64 = 4 << 30;
/// The pauses between two looks: the last stretch is quick, and a file system with much room costs nothing.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// How long room that is back must last before guests go on: else each guest that goes on would pause all again.
const LASTING: Duration = Duration::from_secs(2);

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// Enough.
    Enough,
    /// The reserve is reached: nothing that grows goes on.
    Short,
    /// The reserve is being used up: nothing goes on.
    Used,
}

impl Space {
    /// The room when so much is free, after it was as `self` says.
    fn next(self, free_bytes: u64, reserve_bytes: u64) -> Space {
        match free_bytes {
            free if free < reserve_bytes / 4 * 3 => Space::Used,
            free if free < reserve_bytes => Space::Short,
            free if free < reserve_bytes / 4 * 5 && self != Space::Enough => Space::Short,
            _ => Space::Enough,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Space::Enough => "the file system of the instances' disks has room again: paused instances go on",
            Space::Short => {
                "the file system of the instances' disks is down to its reserve (instances.reserve_mib): instances \
                 whose disks grow are paused until there is room"
            }
            Space::Used => {
                "the reserve of the file system of the instances' disks is being used up: every instance is paused \
                 until there is room"
            }
        }
    }
}

/// Watches the file system of `folder` for as long as somebody listens.
pub(super) async fn watch(folder: PathBuf, reserve_bytes: u64, room: watch::Sender<Space>) {
    let mut lasting = Duration::ZERO;
    loop {
        let free = free_bytes(&folder).unwrap_or(u64::MAX);
        let (before, pause) = (*room.borrow(), pause(free, reserve_bytes));
        let now = before.next(free, reserve_bytes);
        lasting = if now == Space::Enough { lasting + pause } else { Duration::ZERO };
        if before != now && (now != Space::Enough || lasting > LASTING) {
            tracing::warn!(free_mib = free >> 20, reserve_mib = reserve_bytes >> 20, "{}", now.words());
            room.send_replace(now);
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = room.closed() => return,
        }
    }
}

/// The free space of the file system of a folder; `None` when it cannot be told.
pub(super) fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The time until the next look: as long as the space above the reserve lasts at the fastest.
fn pause(free_bytes: u64, reserve_bytes: u64) -> Duration {
    let above = free_bytes.saturating_sub(reserve_bytes);
    Duration::from_millis(above / (FASTEST / 1000)).clamp(LOOKS.0, LOOKS.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_that_is_just_back_is_not_enough_yet() {
        let reserve = 400;
        assert_eq!(Space::Enough.next(400, reserve), Space::Enough);
        assert_eq!(Space::Enough.next(399, reserve), Space::Short);
        assert_eq!(Space::Short.next(299, reserve), Space::Used);
        assert_eq!(Space::Used.next(499, reserve), Space::Short);
        assert_eq!(Space::Short.next(500, reserve), Space::Enough);
    }

    #[test]
    fn looks_are_quick_only_near_the_reserve() {
        assert_eq!(pause(1 << 20, 1 << 30), LOOKS.0);
        assert_eq!(pause(100 << 30, 1 << 30), LOOKS.1);
        assert!((LOOKS.0..LOOKS.1).contains(&pause(2 << 30, 1 << 30)));
    }
}
