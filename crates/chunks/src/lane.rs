//! Shares of the store's work.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Saves and streams of one owner. However many there are in a lane, those of another get their part: a lane never
/// has more under way than keeps the processors busy, and the rest of it waits before the queue that all share.
///
/// Reads of single ranges, and work of the store itself, belong to none.
#[derive(Debug, Clone)]
pub struct Lane {
    /// A permit for each batch that is under way.
    pub(crate) batches: Arc<Semaphore>,
    /// A permit for each window of a stream that is being read.
    pub(crate) windows: Arc<Semaphore>,
}

impl Lane {
    /// Whether any save or reader has it, beside the one who asks.
    pub fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.batches) > 1
    }
}

impl Default for Lane {
    fn default() -> Lane {
        // As many as there are threads for such work. A single save or stream may have four, so a lane has no fewer.
        let at_once = (crate::cores() + 1).max(4);
        Lane { batches: Arc::new(Semaphore::new(at_once)), windows: Arc::new(Semaphore::new(at_once)) }
    }
}
