//! An image's record.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::UnknownWord;
use crate::ids::{ImageId, ProjectId};

/// Where an image is in its life; the diagram is in [`crate::images`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantNames)]
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

/// Who sees an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantNames)]
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

/// An image's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// The project it belongs to.
    pub owner: ProjectId,
    /// Its name.
    pub name: Option<String>,
    /// Where it is in its life.
    pub status: Status,
    /// Who sees it.
    pub visibility: Visibility,
    /// Left out of lists that do not ask for hidden images.
    pub hidden: bool,
    /// Cannot be deleted while this is set.
    pub protected: bool,
    /// The format of its file.
    pub disk_format: Option<String>,
    /// What is around the file.
    pub container_format: Option<String>,
    /// The smallest disk it boots on.
    pub min_disk_gib: i64,
    /// The least memory it boots with.
    pub min_ram_mib: i64,
    /// How many bytes its file has.
    pub size_bytes: Option<i64>,
    /// How many bytes its disk has.
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
    /// The names of the stores that hold its bytes, staged ones too, sorted and joined by commas.
    pub stores: String,
    /// A JSON array of strings, sorted.
    pub tags: String,
    /// A JSON object of strings.
    pub properties: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Grows with every change.
    pub revision: i64,
    /// Percent, while it is being made.
    pub progress: Option<i64>,
    /// Why the last save failed.
    pub reason: Option<String>,
    /// What keeps an image that is declared public from being it: `pending` or `held`.
    pub public_hold: Option<String>,
    /// Why.
    pub public_why: Option<String>,
    /// What its verification by today's rules came to, `passed` or `failed`: for people to see, never to decide by.
    pub verdict: Option<String>,
    /// The task at work on it.
    pub import_task: Option<String>,
    /// The stores it is being imported to, as clients read them; `None` before its first import.
    pub importing_to: Option<String>,
    /// The stores that its last import failed for; `None` before its first import.
    pub failed_import: Option<String>,
}

/// The names in a list of stores such as [`Image::stores`].
pub fn store_names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|name| !name.is_empty())
}
