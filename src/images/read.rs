//! An image's file, read.
//!
//! An uploaded file is read from its manifest. A captured image's file nobody uploaded: it is the qcow2 rendering of its
//! disk, the same bytes every time, whose size is known beforehand and of which any part can be had.

use std::{ops::Range, sync::Arc, task::Poll};

use bytes::Bytes;
use chunks::Reader;
use disks::qcow2::{Piece, Rendering};
use futures::{FutureExt as _, Stream, StreamExt as _, stream, stream::BoxStream};
use tokio_util::sync::CancellationToken;

use super::{
    Image, Images, Status,
    fill::{Hash, Piece as HashPiece},
};
use crate::{
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::{ImageId, ProjectId},
    queue::Work,
};

/// The one rendering there is. A later one gets a number of its own, and files keep the one they were made with.
pub(super) const RENDERING: i64 = 1;
/// How much of a rendering is laid out at a time, so that its plan takes little memory.
const PLAN_BYTES: u64 = 64 << 20;
/// Zeroes are sent in slices of one static page.
static ZEROES: [u8; 65_536] = [0; 65_536];

/// An image's file, open for reading.
pub struct File {
    pub image: Image,
    pub size_bytes: u64,
    content: Content,
}

enum Content {
    Uploaded(Reader),
    Rendered(Arc<Rendering>, Reader),
}

impl Images {
    /// Opens an image's file; `None` while it has none.
    ///
    /// # Errors
    /// `Forbidden` for readers, and for all but admins when the image is deactivated.
    pub async fn file(&self, caller: &Caller, id: ImageId) -> Result<Option<File>> {
        let image = self.allowed(caller, id, ImageAction::Download).await?;
        match image.status {
            Status::Active | Status::Deactivated => {
                // The one who reads pays for it, whosever the image is.
                let project = caller.project.as_ref().map_or(image.owner, |project| project.id);
                self.open_file(image, project).await.map(Some)
            }
            Status::Queued | Status::Saving | Status::Uploading | Status::Importing | Status::Deleted => Ok(None),
        }
    }

    /// Opens it with this project's share of the store's work.
    async fn open_file(&self, image: Image, project: ProjectId) -> Result<File> {
        let reader = |root| self.0.stores.reader_for(project, &image.stores.0, root);
        let content = match (&image.file_root, &image.disk_root) {
            (Some(file), _) => Content::Uploaded(reader(file).await?),
            (None, Some(disk)) => {
                let disk = reader(disk).await?;
                Content::Rendered(Arc::new(rendering(&disk).await?), disk)
            }
            (None, None) => return Err(Error::internal(anyhow::anyhow!("image {} has no content", image.id))),
        };
        let size_bytes = match &content {
            Content::Uploaded(file) => file.size_bytes(),
            Content::Rendered(rendering, _) => rendering.size_bytes(),
        };
        Ok(File { image, size_bytes, content })
    }

    /// A content of an image, from the first of its stores that can read it.
    pub(super) async fn reader(&self, image: &Image, root: &str) -> Result<Reader> {
        self.0.stores.reader(&image.stores.0, root).await
    }

    /// Computes the checksums of a file that was rendered; nothing is left to do for an image that has them or is
    /// gone. The body of a job.
    pub async fn compute_checksums(&self, id: ImageId, stop: &CancellationToken) -> Result<()> {
        let Some((image, _)) = self.0.db.image(id, None).await? else { return Ok(()) };
        let is_ready = matches!(image.status, Status::Active | Status::Deactivated);
        if !is_ready || image.checksum.is_some() {
            return Ok(());
        }
        let project = image.owner;
        let file = self.open_file(image, project).await?;
        let (md5, sha512) = (Hash::md5(), Hash::sha512());
        let mut bytes = file.stream(0..file.size_bytes);
        while let Some(bytes) = bytes.next().await {
            if stop.is_cancelled() {
                return Err(Error::Unavailable("stopped; the checksums are computed later".into()));
            }
            let piece: HashPiece = Arc::new(vec![bytes?]);
            tokio::join!(md5.take(&piece), sha512.take(&piece));
        }
        let (md5, sha512) = tokio::join!(md5.end(), sha512.end());
        self.0.db.set_checksums(id, &md5?, &sha512?).await?;
        // The statement names the file, too, now that its checksum is known.
        self.0.queue.add(Work::Verify { image: id }, None).await
    }
}

impl File {
    /// The bytes of a part of the file, for as long as the caller may download it.
    pub fn stream_to(
        self,
        images: &Images,
        caller: &Caller,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes>> + Send + use<> {
        let (mut bytes, id) = (self.stream(range), self.image.id);
        let mut right_ends = images.right_ends(caller, id, ImageAction::Download);
        // The end of the right comes before the next bytes; nothing is read while the client takes nothing.
        stream::poll_fn(move |context| match right_ends.poll_unpin(context) {
            Poll::Ready(error) => {
                tracing::info!(image.id = %id, "a download of image {id} is broken off: {error}");
                Poll::Ready(Some(Err(error)))
            }
            Poll::Pending => bytes.poll_next_unpin(context),
        })
    }

    /// The bytes of a part of the file.
    pub fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        match &self.content {
            Content::Uploaded(file) => file.stream(range).map(|bytes| bytes.map_err(Error::from)).boxed(),
            Content::Rendered(rendering, disk) => rendered(rendering.clone(), disk.clone(), range),
        }
    }
}

/// Lays out the file of a disk.
pub(super) async fn rendering(disk: &Reader) -> Result<Rendering> {
    let chunks = disk.size_bytes().div_ceil(chunks::CHUNK_BYTES as u64);
    let present = disk.present(0..chunks).await?;
    Ok(Rendering::new(disk.size_bytes(), present.into_iter()))
}

fn rendered(rendering: Arc<Rendering>, disk: Reader, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    let end = range.end;
    let plans = (range.start..range.end).step_by(PLAN_BYTES as usize).map(move |at| at..end.min(at + PLAN_BYTES));
    let pieces = stream::iter(plans).flat_map(move |plan| stream::iter(joined(rendering.pieces(plan))));
    pieces.flat_map(move |piece| bytes_of(piece, &disk)).boxed()
}

/// Neighbours on the disk become one piece, which is read ahead as one.
fn joined(pieces: impl Iterator<Item = Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Disk { guest_offset, len }), Piece::Disk { guest_offset: next, len: more })
                if *guest_offset + *len == next =>
            {
                *len += more;
            }
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

fn bytes_of(piece: Piece, disk: &Reader) -> BoxStream<'static, Result<Bytes>> {
    match piece {
        Piece::Bytes(bytes) => stream::iter([Ok(Bytes::from(bytes))]).boxed(),
        Piece::Zeroes(len) => {
            let page = ZEROES.len() as u64;
            let slices = (0..len.div_ceil(page)).map(move |n| page.min(len - n * page) as usize);
            stream::iter(slices.map(|len| Ok(Bytes::from_static(&ZEROES[..len])))).boxed()
        }
        Piece::Disk { guest_offset, len } => {
            disk.stream(guest_offset..guest_offset + len).map(|bytes| bytes.map_err(Error::from)).boxed()
        }
    }
}
