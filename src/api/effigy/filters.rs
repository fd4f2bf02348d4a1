//! The words of a query for images, as the document has them. `api::image::list` and `images` read them.

use utoipa::{
    IntoParams,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, Required, Schema, SchemaFormat, Type,
        path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle},
        schema::AdditionalProperties,
    },
};

use crate::{
    error::{Error, Result},
    images::Kind,
};

/// The filters of a list of images.
pub(super) enum Filters {}

/// In which order, and how many at a time.
pub(super) enum Pages {}

impl IntoParams for Filters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = [
            word("kind", &["public", "private", "shared", "community"], "As the caller's project sees them"),
            text(
                "search",
                "linux",
                "In the name or a tag, or the beginning of the id or of os_distro, in whatever case",
            ),
            word("verdict", &["passed", "failed"], "The outcome of the verification"),
            word("problems", &["true", "false"], "Verified images in which something was found, or nothing"),
            word("failed", &["true", "false"], "Images whose last save failed, or the others"),
            word(
                "visibility",
                &["all", "public", "private", "shared", "community"],
                "One visibility; with `kind`, of that kind",
            ),
            word(
                "member_status",
                &["all", "pending", "accepted", "rejected"],
                "The answer of the caller's project to the offer",
            ),
            word("os_hidden", &["true", "false"], "Hidden images instead of the others"),
            text("id", "in:6f9f5a36-8ea9-4a3c-8ad5-1f4f4c3a2f0e", "An id, or `in:` and ids"),
            text("name", "in:one,\"two, three\"", "A name, or `in:` and names"),
            text("status", "in:active,queued", "A status, or `in:` and some"),
            text("owner", "0123456789abcdef0123456789abcdef", "A project's id, or `in:` and ids"),
            text("disk_format", "in:raw,qcow2", "A format, or `in:` and formats"),
            text("container_format", "bare", "A format, or `in:` and formats"),
            text("checksum", "0123456789abcdef0123456789abcdef", "The MD5 of the file, or `in:` and some"),
            text("os_hash_value", "0123", "The SHA-512 of the file, or `in:` and some"),
            text("tag", "nightly", "One tag; named again, another one too"),
            word("protected", &["true", "false"], "Protected images, or those that are not"),
            number("size", "Bytes of the file"),
            number("size_min", "Bytes of the file, at least"),
            number("size_max", "Bytes of the file, at most"),
            number("min_disk", "GiB of the smallest disk that it boots on"),
            number("min_ram", "MiB of the least memory that it boots with"),
            text(
                "created_at",
                "gte:2026-08-01T12:00:00Z",
                "A time, with `gt:`, `gte:`, `lt:`, `lte:`, `eq:` or `neq:`",
            ),
            text("updated_at", "lt:2126-08-01T12:00:00Z", "A time, as of `created_at`"),
        ];
        words.into_iter().chain([properties()]).collect()
    }
}

impl IntoParams for Pages {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = whole().maximum(Some(1000)).default(Some(25.into())).build();
        vec![
            text("sort", "name:asc,created_at:desc", "Fields with their directions"),
            word("sort_key", &SORT_KEYS, "A field, in the place of `sort`"),
            word("sort_dir", &["asc", "desc"], "Its direction"),
            parameter("limit", limit.into(), "Images on a page"),
            text("marker", "6f9f5a36-8ea9-4a3c-8ad5-1f4f4c3a2f0e", "The last image of the page before"),
        ]
    }
}

const SORT_KEYS: [&str; 8] =
    ["name", "status", "disk_format", "container_format", "size", "id", "created_at", "updated_at"];

/// Every other word of a query is a property with its value.
fn properties() -> Parameter {
    let text = RefOr::from(ObjectBuilder::new().schema_type(Type::String).build());
    let schema = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::from(text)));
    let says = "Every other word: a property with its value";
    let mut parameter = parameter("properties", schema.build().into(), says);
    (parameter.style, parameter.explode) = (Some(ParameterStyle::Form), Some(true));
    parameter
}

fn word(name: &str, words: &[&'static str], says: &str) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied()));
    parameter(name, schema.build().into(), says)
}

fn number(name: &str, says: &str) -> Parameter {
    parameter(name, whole().build().into(), says)
}

fn text(name: &str, example: &str, says: &str) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).examples([example]);
    parameter(name, schema.build().into(), says)
}

fn whole() -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(format)).minimum(Some(0))
}

fn parameter(name: &str, schema: Schema, says: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(says))
        .schema(Some(schema))
        .build()
}

/// Reads a `kind`.
pub(super) fn kind(word: &str) -> Result<Kind> {
    match word {
        "public" => Ok(Kind::Public),
        "private" => Ok(Kind::Private),
        "shared" => Ok(Kind::Shared),
        "community" => Ok(Kind::Community),
        _ => Err(Error::Invalid(format!("kind must be public, private, shared or community, not '{word}'"))),
    }
}
