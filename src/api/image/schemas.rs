//! The schemas of what the Image API answers. glanceclient reads and checks against them on nearly every command.

use axum::{Json, extract::Path};
use serde_json::{Map, Value, json};

use crate::{
    api::error::Answer,
    error::Error,
    images::{CONTAINER_FORMATS, DISK_FORMATS},
};

/// `GET /v2/schemas/{schema}`. Needs no token, as in Glance: the documents describe the API and no user.
pub(super) async fn show(Path(schema): Path<String>) -> Answer {
    let found = match schema.as_str() {
        "image" => image(),
        "images" => collection("images", &image()),
        "member" => member(),
        "members" => collection("members", &member()),
        "task" => task(),
        "tasks" => collection("tasks", &task()),
        _ => return Err(Error::NotFound("There is no such schema.".into()).into()),
    };
    Ok(Json(found))
}

/// `GET /v2/schemas/metadefs/{schema}`
pub(super) async fn metadef(Path(schema): Path<String>) -> Answer {
    let found = super::metadef_schemas::schema(&schema);
    Ok(Json(found.ok_or_else(|| Error::NotFound("There is no such schema.".into()))?))
}

/// A list of these, as every collection of the API is.
fn collection(name: &str, item: &Value) -> Value {
    let mut properties = Map::new();
    properties.insert(name.into(), json!({"type": "array", "items": item}));
    for link in ["schema", "next", "first"] {
        properties.insert(link.into(), json!({"type": "string"}));
    }
    json!({
        "name": name,
        "properties": properties,
        "links": [{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"},
                  {"rel": "describedby", "href": "{schema}"}],
    })
}

fn read_only(mut schema: Value, description: &str) -> Value {
    schema["readOnly"] = json!(true);
    described(schema, description)
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
}

fn formats(words: &[&str]) -> Value {
    let words: Vec<Value> = std::iter::once(Value::Null).chain(words.iter().map(|word| json!(word))).collect();
    json!({"type": ["null", "string"], "enum": words})
}

/// Properties that are about one image and no other: by the service, and the reasons of an admin and of the owner. Nova gives
/// a snapshot each property of its base that is not described here.
const OF_ONE_IMAGE: [(&str, &str); 12] = [
    ("os_effigy_public", "Whether the image waits for its verification or is held back from others (pending, held)"),
    ("os_effigy_public_why", "Why it is held back"),
    ("effigy_public_reason", "An administrator's reason to let others see it all the same"),
    ("os_effigy_sharing", "The same for an image that is shared"),
    ("os_effigy_sharing_why", "Why it is held back"),
    ("effigy_sysprep_reason", "The owner's reason to make an image of Windows that is not generalised"),
    ("effigy_sysprep_warning", "The finding, where an image of Windows that is not generalised is only warned of"),
    ("os_effigy_release", "The number that it has as a release of the channel whose name it carries"),
    ("os_effigy_deprecated_at", "The time from which on another image is to be taken in its place"),
    ("os_effigy_retired_at", "The time at which it is withdrawn: then it is deactivated"),
    ("effigy_flavor", "The flavor of the instance that it was made of"),
    ("effigy_flavor_ram", "The memory of that flavor, in MiB"),
];

fn image() -> Value {
    let mut schema = base_image();
    for (name, description) in OF_ONE_IMAGE {
        schema["properties"][name] = described(json!({"type": ["null", "string"]}), description);
    }
    schema
}

fn base_image() -> Value {
    let text = || json!({"type": "string"});
    let hex = |max: u32| json!({"type": ["null", "string"], "maxLength": max});
    let number = || json!({"type": ["null", "integer"]});
    let id = json!({"type": "string",
        "pattern": "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"});
    let states =
        json!({"type": "string", "enum": ["queued", "saving", "uploading", "importing", "active", "deactivated"]});
    let visibility = json!({"type": "string", "enum": ["community", "public", "private", "shared"]});
    let tags = json!({"type": "array", "items": {"type": "string", "maxLength": 255}});
    json!({
        "name": "image",
        "properties": {
            "id": described(id, "An identifier for the image"),
            "name": described(json!({"type": ["null", "string"], "maxLength": 255}), "Descriptive name for the image"),
            "status": read_only(states, "Status of the image"),
            "visibility": described(visibility, "Scope of image accessibility"),
            "protected": described(json!({"type": "boolean"}), "If true, image will not be deletable."),
            "os_hidden": described(json!({"type": "boolean"}), "If true, image will not appear in default image list response."),
            "checksum": read_only(hex(32), "md5 hash of image contents."),
            "os_hash_algo": read_only(json!({"type": ["null", "string"], "maxLength": 64}),
                "Algorithm to calculate the os_hash_value"),
            // glanceclient checks an image against this before it changes it: 128 digits are a SHA-512.
            "os_hash_value": read_only(hex(128), "Hexdigest of the image contents using the algorithm specified by the os_hash_algo"),
            "owner": described(json!({"type": ["null", "string"], "maxLength": 255}), "Owner of the image"),
            "size": read_only(number(), "Size of image file in bytes"),
            "virtual_size": read_only(number(), "Virtual size of image in bytes"),
            "container_format": described(formats(&CONTAINER_FORMATS), "Format of the container"),
            "disk_format": described(formats(&DISK_FORMATS), "Format of the disk"),
            "created_at": read_only(text(), "Date and time of image registration"),
            "updated_at": read_only(text(), "Date and time of the last image modification"),
            "tags": described(tags, "List of strings related to the image"),
            "min_ram": described(json!({"type": "integer"}), "Amount of ram (in MB) required to boot image."),
            "min_disk": described(json!({"type": "integer"}), "Amount of disk space (in GB) required to boot image."),
            "stores": read_only(text(), "Store in which image data resides."),
            "os_glance_import_task": read_only(text(), "The task that imports the image"),
            "os_glance_importing_to_stores": read_only(text(), "Stores that the image is being imported to"),
            "os_glance_failed_import": read_only(text(), "Stores that the image could not be imported to"),
            "self": read_only(text(), "An image self url"),
            "file": read_only(text(), "An image file url"),
            "schema": read_only(text(), "An image schema url"),
        },
        "additionalProperties": {"type": "string"},
        "links": [{"rel": "self", "href": "{self}"}, {"rel": "enclosure", "href": "{file}"},
                  {"rel": "describedby", "href": "{schema}"}],
    })
}

fn member() -> Value {
    let text = || json!({"type": "string"});
    json!({
        "name": "member",
        "properties": {
            "member_id": described(text(), "An identifier for the image member (tenantId)"),
            "image_id": described(text(), "An identifier for the image"),
            "created_at": described(text(), "Date and time of image member creation"),
            "updated_at": described(text(), "Date and time of last modification of image member"),
            "status": described(json!({"type": "string", "enum": ["pending", "accepted", "rejected"]}),
                "The status of this image member"),
            "schema": read_only(text(), "A member schema url"),
        },
    })
}

fn task() -> Value {
    let text = || json!({"type": "string"});
    let maybe = || json!({"type": ["null", "string"]});
    let object = || json!({"type": ["null", "object"]});
    json!({
        "name": "task",
        "properties": {
            "id": described(text(), "An identifier for the task"),
            "type": described(json!({"type": "string", "enum": ["import", "api_image_import"]}),
                "The type of task represented by this content"),
            "status": described(json!({"type": "string", "enum": ["pending", "processing", "success", "failure"]}),
                "The current status of this task"),
            "input": described(object(), "The parameters required by task, JSON blob"),
            "result": described(object(), "The result of current task, JSON blob"),
            "owner": described(text(), "An identifier for the owner of this task"),
            "message": described(maybe(), "Human-readable informative message only included when appropriate"),
            "image_id": described(maybe(), "Image associated with the task"),
            "request_id": described(maybe(), "Human-readable informative request-id"),
            "user_id": described(maybe(), "User associated with the task"),
            "expires_at": described(maybe(), "Datetime when this resource would be subject to removal"),
            "created_at": described(text(), "Datetime when this resource was created"),
            "updated_at": described(text(), "Datetime when this resource was updated"),
            "self": read_only(text(), "A task self url"),
            "schema": read_only(text(), "A task schema url"),
        },
    })
}
