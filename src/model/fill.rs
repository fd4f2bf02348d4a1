//! Fills: images on their way to bytes.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{
    UnknownWord,
    image::{Image, Status, StoreNames},
    instance::StateChange,
    job::NewJob,
    task::ImageTask,
};

/// The holder of an image while its bytes are saved, and the time of its lease's end unless renewed.
#[derive(Clone, Debug)]
pub struct Lease {
    /// A name nobody else has.
    pub holder: String,
    /// How long without a sign of life.
    pub ms: i64,
}

/// A save under way in one of the stores: what keeps its chunks until a row does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub store: String,
    /// The number of its session there.
    pub session: u64,
}

/// The result of a fill.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    pub size_bytes: i64,
    pub disk_bytes: i64,
    /// MD5 of the file, when it is known.
    pub checksum: Option<String>,
    /// SHA-512 of the file, when it is known.
    pub os_hash: Option<String>,
    /// The root of the file's manifest.
    pub file_root: Option<String>,
    /// The root of the disk's manifest.
    pub disk_root: Option<String>,
    /// The version of the rendering, for a file without a manifest.
    pub rendering: Option<i64>,
    /// The version of the rules that judged the file; `None` for what nobody uploaded.
    pub checked_by: Option<i64>,
    /// Compressed bytes of the distinct chunks.
    pub stored_bytes: i64,
    /// Of those, what only the disk has: the content that was compressed in the file, or lies in it at other places.
    pub inflated_bytes: i64,
    /// The saves that keep them until the image is active, one in each store: none must have ended by then.
    pub holds: Vec<Hold>,
    /// The stores that an import was for and that did not take it.
    pub failed_stores: StoreNames,
}

impl Saved {
    /// The bytes the project is charged: the file (as Glance counts) and what its disk takes besides, once for each store
    /// that has them.
    pub fn charged_bytes(&self) -> i64 {
        (self.size_bytes + self.inflated_bytes) * self.holds.len() as i64
    }

    /// The stores that have it.
    pub fn stores(&self) -> StoreNames {
        StoreNames(self.holds.iter().map(|hold| hold.store.clone()).collect())
    }
}

/// The roads on which an image comes to its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<FillKind>)]
pub enum FillKind {
    /// A client sends the file.
    Upload,
    /// A client sends bytes that wait to be imported.
    Stage,
    /// A client sends the file in parts, and goes on after a break.
    Parts,
    /// A job reads bytes that are staged or elsewhere.
    Import,
    /// A job reads what an instance changed.
    Capture,
    /// A job reads the changes of a cleaning guest.
    Clean,
    /// A job copies an active image to further stores.
    Copy,
}

impl FillKind {
    /// The image's state on this road.
    pub fn status(self) -> Status {
        match self {
            FillKind::Upload | FillKind::Capture | FillKind::Clean => Status::Saving,
            FillKind::Stage | FillKind::Parts => Status::Uploading,
            FillKind::Import => Status::Importing,
            FillKind::Copy => Status::Active,
        }
    }

    /// Whether it takes one of its project's uploads while somebody is at work on it.
    pub(crate) fn is_an_upload(self) -> bool {
        matches!(self, FillKind::Upload | FillKind::Stage | FillKind::Parts | FillKind::Import)
    }
}

/// A fill that begins.
#[derive(Clone, Copy)]
pub struct NewFill<'a> {
    pub image: Target<'a>,
    pub kind: FillKind,
    /// Bytes that are counted in the project's quota in advance.
    pub reserve_bytes: i64,
    /// The holder that starts work at once; `None` when a job will take it up.
    pub lease: Option<&'a Lease>,
    pub job: Option<&'a NewJob>,
    /// The task under which clients watch it.
    pub task: Option<&'a ImageTask>,
    /// The stores that an import or a copy is for.
    pub stores: &'a [String],
    /// The captured instance's new state, written in the same transaction.
    pub instance: Option<&'a StateChange>,
    /// The file that comes in parts.
    pub parts: Option<NewParts<'a>>,
}

/// A file that is to come in parts.
#[derive(Clone, Copy, Debug)]
pub struct NewParts<'a> {
    /// The name of the upload, which nothing else has.
    pub id: &'a str,
    pub whole_bytes: i64,
    /// The client's own words, which it is told again.
    pub metadata: &'a str,
    /// The SHA-512 of the file, where its client knows it.
    pub sha512: Option<&'a str>,
    /// The store that takes it.
    pub store: &'a str,
}

/// A file that comes in parts, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The name of the upload.
    pub id: String,
    pub whole_bytes: i64,
    pub metadata: String,
    /// The store that takes it.
    pub store: String,
    /// The root of a content as long as the file, with zeroes for what is still to come; `None` before the first byte.
    pub root: Option<String>,
    /// How many bytes have come.
    pub kept_bytes: i64,
    /// When the last of them came, or it began.
    pub kept_ms: i64,
    /// Whether all have come, so that a job has taken over.
    pub is_whole: bool,
}

impl<'a> NewFill<'a> {
    /// A fill that nobody holds yet and of which nothing more is known.
    pub fn of(kind: FillKind, image: Target<'a>) -> NewFill<'a> {
        NewFill {
            image,
            kind,
            reserve_bytes: 0,
            lease: None,
            job: None,
            task: None,
            stores: &[],
            instance: None,
            parts: None,
        }
    }
}

/// The image of a fill.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// A record that is made with the fill.
    New(&'a Image),
    /// One that is there, unless it has changed since it was read and judged.
    Known(&'a Image),
}

/// A fill that a job has taken up.
#[derive(Clone, Debug)]
pub struct TakenFill {
    pub kind: FillKind,
    /// The bytes that wait to be imported.
    pub staged: Option<StagedBytes>,
    /// Whether they came in parts.
    pub is_of_parts: bool,
    /// The SHA-512 that they are to have.
    pub sha512: Option<String>,
}

/// The bytes that wait to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedBytes {
    /// The root of their manifest.
    pub root: String,
    pub bytes: i64,
}

/// A sign of life, and what there is to tell with it.
#[derive(Clone, Debug, Default)]
pub struct Sign {
    /// Bytes that are counted in the quota from now on.
    pub more_bytes: i64,
    /// How far it is, in percent, and in words for the task. An unknown percentage is told as such.
    pub progress: Option<(Option<i64>, String)>,
}

/// How a fill ends well.
#[derive(Clone, Copy)]
pub enum Done<'a> {
    /// The image has its bytes; these jobs follow.
    Saved(&'a Saved, &'a [NewJob]),
    /// Bytes wait to be imported, kept by this session until the row keeps them.
    Staged(&'a StagedBytes, &'a Hold),
    /// So much of a file has come in parts, kept by this session until the row keeps it. With the last of them comes the
    /// job that goes on.
    Part(&'a StagedBytes, &'a Hold, Option<&'a NewJob>),
    /// The further stores have the image, or did not take it for this reason.
    Copied(Option<&'a str>),
}

/// How a step ended that only the holder of a fill may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was taken.
    Done,
    /// The image was deleted meanwhile.
    Gone,
    /// The lease lapsed, or another run of the job took the fill over.
    Lost,
}

/// Why fills are given up that nobody goes on with, in words for the images' owners.
#[derive(Clone, Copy, Debug)]
pub struct Reasons<'a> {
    /// The request behind it shows no sign of life.
    pub lapsed: &'a str,
    /// Its staged bytes were not imported, or its parts not gone on with, in time.
    pub stale: &'a str,
}

/// The times before which fills are given up, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Overdue {
    /// Leases that ended.
    pub lease_ms: i64,
    /// Bytes that were staged.
    pub staged_ms: i64,
    /// Files in parts whose last byte came.
    pub parts_ms: i64,
}

/// One step of a copy to further stores.
#[derive(Clone, Copy, Debug)]
pub enum CopyStep<'a> {
    /// A store has the image; this session keeps it until the row does.
    Taken(&'a Hold),
    /// A store could not take it.
    Failed(&'a str),
    /// None of these stores is to have it, as one of them could not take it.
    Undone(&'a [String]),
}
