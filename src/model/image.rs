//! An image's record.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{
    Kept, UnknownWord,
    verification::{Seen, Verdict},
};
use crate::ids::{ChannelId, ImageId, ProjectId};

/// Where an image is in its life; the diagram is in [`crate::images`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<Status>)]
pub enum Status {
    /// A record without bytes.
    Queued,
    /// Bytes are being saved, from an upload or an instance.
    Saving,
    /// Bytes are being staged, or are staged and wait to be imported.
    Uploading,
    /// A job makes the image of staged or fetched bytes.
    Importing,
    /// Ready.
    Active,
    /// Ready, and withheld from everybody but admins.
    Deactivated,
    /// Deleted while bytes were being saved; gone once that save has noticed. Nobody sees it.
    Deleted,
}

/// The callers who see an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<Visibility>)]
pub enum Visibility {
    /// Its project.
    Private,
    /// Its project and the image's members.
    Shared,
    /// Everybody who asks for it.
    Community,
    /// Everybody.
    Public,
}

/// Why an image that is declared public or shared is not seen by others yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<PublicHold>)]
pub enum PublicHold {
    /// It is not verified yet.
    Pending,
    /// Its verification found something against it.
    Held,
}

/// An image's tags.
pub type Tags = Kept<BTreeSet<String>>;

/// An image's properties.
pub type Properties = Kept<BTreeMap<String, String>>;

/// The names of some stores, which a row joins by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreNames(pub Vec<String>);

impl std::str::FromStr for StoreNames {
    type Err = std::convert::Infallible;

    fn from_str(row: &str) -> std::result::Result<StoreNames, Self::Err> {
        Ok(StoreNames(row.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()))
    }
}

impl std::fmt::Display for StoreNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// An image's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub id: ImageId,
    pub owner: ProjectId,
    pub name: Option<String>,
    pub status: Status,
    pub visibility: Visibility,
    /// Left out of lists that do not ask for hidden images.
    pub hidden: bool,
    /// Cannot be deleted while this is set.
    pub protected: bool,
    pub disk_format: Option<String>,
    pub container_format: Option<String>,
    pub min_disk_gib: i64,
    pub min_ram_mib: i64,
    pub size_bytes: Option<i64>,
    pub disk_bytes: Option<i64>,
    /// The file's MD5, in hex.
    pub checksum: Option<String>,
    /// The file's SHA-512, in hex.
    pub os_hash: Option<String>,
    /// The root of the file's manifest; `None` for a file that is rendered from the disk.
    pub file_root: Option<String>,
    /// The root of the disk's manifest.
    pub disk_root: Option<String>,
    /// The version of the rendering that makes the file.
    pub rendering: Option<i64>,
    /// Compressed bytes of the distinct chunks of file and disk.
    pub stored_bytes: Option<i64>,
    /// The stores that hold its bytes, staged ones too.
    pub stores: StoreNames,
    pub tags: Tags,
    pub properties: Properties,
    pub created_ms: i64,
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
    /// Percent, while it is being made.
    pub progress: Option<i64>,
    pub reason: Option<String>,
    /// Why an image that is declared public or shared is not seen by others yet.
    pub public_hold: Option<PublicHold>,
    pub public_why: Option<String>,
    /// The result of its verification by today's rules: for people to see, never to decide by.
    pub verdict: Option<Verdict>,
    /// How much that verification could tell.
    pub seen: Option<Seen>,
    /// How many problems it found.
    pub problems: Option<i64>,
    pub import_task: Option<String>,
    /// The stores it is being imported to; `None` before its first import.
    pub importing_to: Option<StoreNames>,
    /// The stores that its last import failed for; `None` before its first import.
    pub failed_import: Option<StoreNames>,
    /// The channel that it is a release of, which gives it its name; the current release is the one that is not hidden.
    pub channel_id: Option<ChannelId>,
    pub release_number: Option<i64>,
    /// From when on those who launch it are told to take another one.
    pub deprecate_ms: Option<i64>,
    /// When it is withdrawn: it is deactivated then.
    pub retire_ms: Option<i64>,
}

impl Image {
    /// Whether it is the current release of a channel.
    pub fn is_current_release(&self) -> bool {
        self.channel_id.is_some() && !self.hidden
    }

    /// A private image of a project, with neither attributes nor bytes.
    pub fn new(id: ImageId, owner: ProjectId, now_ms: i64) -> Image {
        Image {
            id,
            owner,
            name: None,
            status: Status::Queued,
            visibility: Visibility::Private,
            hidden: false,
            protected: false,
            disk_format: None,
            container_format: None,
            min_disk_gib: 0,
            min_ram_mib: 0,
            size_bytes: None,
            disk_bytes: None,
            checksum: None,
            os_hash: None,
            file_root: None,
            disk_root: None,
            rendering: None,
            stored_bytes: None,
            stores: StoreNames::default(),
            tags: Tags::default(),
            properties: Properties::default(),
            created_ms: now_ms,
            updated_ms: now_ms,
            revision: 0,
            progress: None,
            reason: None,
            public_hold: None,
            public_why: None,
            verdict: None,
            seen: None,
            problems: None,
            import_task: None,
            importing_to: None,
            failed_import: None,
            channel_id: None,
            release_number: None,
            deprecate_ms: None,
            retire_ms: None,
        }
    }
}
