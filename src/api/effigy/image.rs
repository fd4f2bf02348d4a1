//! An image as Effigy's own API shows it, the same wherever it is shown.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::times,
    error::Result,
    ids::{ChannelId, ImageId, ProjectId},
    images::{Image, Status, Visibility},
    model::{
        image::{PublicHold, StoreNames},
        verification::{Seen, Verdict},
    },
};

/// An image: its record as the Image API has it, its properties among the fields, and `effigy`, which only this API
/// has.
#[derive(Serialize, ToSchema)]
#[schema(as = Image)]
pub(super) struct ShownImage {
    #[schema(value_type = String, format = Uuid)]
    id: ImageId,
    name: Option<String>,
    status: Status,
    visibility: Visibility,
    /// Left out of lists that do not ask for hidden images.
    os_hidden: bool,
    /// Cannot be deleted while this is set.
    protected: bool,
    disk_format: Option<String>,
    container_format: Option<String>,
    /// The smallest disk that it boots on, in GiB.
    min_disk: i64,
    /// The least memory that it boots with, in MiB.
    min_ram: i64,
    /// Bytes of its file.
    size: Option<i64>,
    /// Bytes of its disk.
    virtual_size: Option<i64>,
    /// The MD5 of its file, in hex.
    checksum: Option<String>,
    os_hash_algo: Option<&'static str>,
    /// The hash of its file by `os_hash_algo`, in hex.
    os_hash_value: Option<String>,
    /// The project that it belongs to.
    #[schema(value_type = String)]
    owner: ProjectId,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// The stores that have it, joined by commas; there once it is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    stores: Option<String>,
    /// The task that is importing it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    os_glance_import_task: Option<String>,
    /// The stores that it is on the way to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    os_glance_importing_to_stores: Option<String>,
    /// The stores that its last import failed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    os_glance_failed_import: Option<String>,
    tags: Vec<String>,
    /// There for an image that is declared public and is not public yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PublicHold, required = false)]
    os_effigy_public: Option<PublicHold>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    os_effigy_public_why: Option<String>,
    /// There for an image that is shared or community and that others do not see yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PublicHold, required = false)]
    os_effigy_sharing: Option<PublicHold>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    os_effigy_sharing_why: Option<String>,
    /// The number that it has as a release of the channel whose name it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    os_effigy_release: Option<String>,
    /// From when on another image is to be taken in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    os_effigy_deprecated_at: Option<String>,
    /// When it is withdrawn: then it is deactivated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    os_effigy_retired_at: Option<String>,
    #[serde(flatten)]
    properties: BTreeMap<String, String>,
    /// Its path below `/image`.
    #[serde(rename = "self")]
    own: String,
    /// Its file's path below `/image`.
    file: String,
    schema: &'static str,
    effigy: Beside,
}

/// The fields that the Image API leaves out.
#[derive(Serialize, ToSchema)]
#[schema(as = ImageBeside)]
struct Beside {
    /// Percent, while it is being made.
    progress: Option<i64>,
    /// Why its last save failed.
    reason: Option<String>,
    /// The outcome of its verification by today's rules. It is for people to see; the signed statement decides what is
    /// allowed with an image.
    verdict: Option<Verdict>,
    /// How much that verification could tell.
    seen: Option<Seen>,
    /// How many of its findings are more than information, and a broken rule of the file's format.
    problems: Option<i64>,
    /// Compressed bytes of the distinct chunks of its file and its disk.
    stored_bytes: Option<i64>,
    /// Whether it has bytes.
    has_disk: bool,
    /// Where its file comes from.
    file: Option<Origin>,
    /// The id of the channel that it is a release of; the current release is the one that is not hidden.
    #[schema(value_type = Option<String>, format = Uuid)]
    channel: Option<ChannelId>,
}

/// `uploaded`: the bytes are kept as they came. `rendered`: they are made from the disk while they are read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = FileOrigin)]
enum Origin {
    Uploaded,
    Rendered,
}

/// The image as it is shown.
pub(super) fn shown(image: Image) -> Result<ShownImage> {
    let mut properties: BTreeMap<String, String> = image.properties.read()?;
    // A property of this name would be taken for the word of the service.
    properties.remove("effigy");
    let is_whole = matches!(image.status, Status::Active | Status::Deactivated);
    let held = (image.public_hold, image.public_why.filter(|_| image.public_hold.is_some()));
    let (public, sharing) = match image.visibility {
        Visibility::Public => (held, (None, None)),
        _ => ((None, None), held),
    };
    Ok(ShownImage {
        id: image.id,
        status: image.status,
        visibility: image.visibility,
        os_hidden: image.hidden,
        protected: image.protected,
        min_disk: image.min_disk_gib,
        min_ram: image.min_ram_mib,
        size: image.size_bytes,
        virtual_size: image.disk_bytes,
        os_hash_algo: image.os_hash.as_ref().map(|_| "sha512"),
        owner: image.owner,
        created_at: times::seconds_z(image.created_ms),
        updated_at: times::seconds_z(image.updated_ms),
        os_effigy_release: image.release_number.map(|number| number.to_string()),
        os_effigy_deprecated_at: image.deprecate_ms.map(times::seconds_z),
        os_effigy_retired_at: image.retire_ms.map(times::seconds_z),
        tags: image.tags.read()?.into_iter().collect(),
        properties,
        own: format!("/v2/images/{}", image.id),
        file: format!("/v2/images/{}/file", image.id),
        schema: "/v2/schemas/image",
        effigy: Beside {
            progress: image.progress,
            reason: image.reason,
            verdict: image.verdict,
            seen: image.seen,
            problems: image.problems,
            stored_bytes: image.stored_bytes,
            has_disk: image.disk_root.is_some(),
            file: match (&image.file_root, &image.disk_root) {
                (Some(_), _) => Some(Origin::Uploaded),
                (None, Some(_)) => Some(Origin::Rendered),
                (None, None) => None,
            },
            channel: image.channel_id,
        },
        name: image.name,
        disk_format: image.disk_format,
        container_format: image.container_format,
        checksum: image.checksum,
        os_hash_value: image.os_hash,
        stores: is_whole.then(|| image.stores.to_string()),
        os_glance_import_task: image.import_task,
        os_glance_importing_to_stores: image.importing_to.as_ref().map(StoreNames::to_string),
        os_glance_failed_import: image.failed_import.as_ref().map(StoreNames::to_string),
        os_effigy_public: public.0,
        os_effigy_public_why: public.1,
        os_effigy_sharing: sharing.0,
        os_effigy_sharing_why: sharing.1,
    })
}
