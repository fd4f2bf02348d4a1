//! The inspection of images: format safety first.
//!
//! An uploaded *file* is judged by the format declared for it, never by a guess, and its *disk* (what a guest sees)
//! is made of it. Both are contents of the store; no other program and no other file is ever involved.
//!
//! ```text
//! file ─► formats::judge ─► Refused, with the rule it broke
//!              │ Checked
//!              ▼
//!         formats::disk_of ─► the file itself (raw, iso), or a content that shares its chunks (qcow2 and the others)
//! ```
//!
//! [`guest`] finds the system on a disk, in a process of its own ([`process`], [`jail`]): the same
//! program, with the disk on its standard input and nothing else. It ends killed or with a report; without a report
//! everything is *unknown*. The findings become a signed statement ([`statement`]).

mod bytes;
mod disk;
pub mod formats;
pub mod jail;
mod process;
mod source;
pub mod statement;
pub mod sysprep;

use std::{fs::File, sync::Arc};

use tokio::sync::Semaphore;

pub use source::Source;
pub use statement::{SigningKey, Statement, Verdict};

use source::Overlaid;

use crate::{
    config,
    error::{Error, Result},
};

/// Looks at the same time: each takes a processor and up to 128 MiB.
const LOOKS_AT_ONCE: usize = 2;

/// Looks into disks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Inspector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: config::Inspect,
    key: SigningKey,
    /// This program, which is started again for each look.
    program: std::path::PathBuf,
    looks: Semaphore,
}

impl Inspector {
    /// An inspector that signs with this key and starts this program.
    pub fn new(settings: config::Inspect, key: SigningKey, program: std::path::PathBuf) -> Inspector {
        Inspector(Arc::new(Inner { settings, key, program, looks: Semaphore::new(LOOKS_AT_ONCE) }))
    }

    /// `[inspect]`
    pub fn settings(&self) -> &config::Inspect {
        &self.0.settings
    }

    /// The key of this deployment.
    pub fn key(&self) -> &SigningKey {
        &self.0.key
    }

    /// Looks into a disk. No answer is an answer: the words say why nothing is known.
    ///
    /// # Errors
    /// `Internal` when no process can be started.
    pub async fn look(&self, disk: Arc<dyn Source>, scope: guest::Scope) -> Result<Result<guest::Report, String>> {
        let _turn = self.0.looks.acquire().await.map_err(Error::internal)?;
        process::look(&self.0.program, self.0.settings.user, disk, scope).await
    }

    /// The same for the disk of an instance at rest: an overlay over its base. Only one whose turn it is opens the
    /// overlay, which has tables as large as its guest likes.
    ///
    /// # Errors
    /// As [`Inspector::look`]; the overlay is not one of ours, or of a disk of another size.
    pub async fn look_at_changes(
        &self,
        overlay: File,
        base: Option<chunks::Reader>,
        size_bytes: u64,
        scope: guest::Scope,
    ) -> Result<Result<guest::Report, String>> {
        let _turn = self.0.looks.acquire().await.map_err(Error::internal)?;
        let disk = Overlaid::open(overlay, base, size_bytes).await?;
        process::look(&self.0.program, self.0.settings.user, Arc::new(disk), scope).await
    }
}
