//! An image's record in Glance, and the same image's here: what people said of it, and how both compare.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::report::Named;
use crate::{
    error::Result,
    ids::{ImageId, ProjectId},
    images::{Attributes, BASE_ATTRIBUTES, FOUND_PROPERTIES, Image, Status},
    keystone::milliseconds,
};

/// The attributes that somebody may set. Everything else in a record is a property, or Glance's own.
const SET: [&str; 10] = [
    "name",
    "visibility",
    "os_hidden",
    "protected",
    "disk_format",
    "container_format",
    "min_disk",
    "min_ram",
    "owner",
    "tags",
];
/// The beginnings of properties that are of a service and not of people: the imports of Glance, the gate of this one.
const OF_SERVICES: [&str; 3] = ["os_glance", "os_effigy", "effigy_public"];

/// An image of Glance.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    pub(super) id: ImageId,
    pub(super) owner: ProjectId,
    pub(super) standing: Standing,
    pub(super) created_ms: i64,
    pub(super) size_bytes: Option<u64>,
    pub(super) md5: Option<String>,
    /// The algorithm of the other hash, and its value.
    pub(super) hash: Option<(String, String)>,
    /// The attributes and properties that people set.
    pub(super) said: Attributes,
}

/// Where an image of Glance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Queued,
    Active,
    Deactivated,
    /// Bytes are on their way.
    UnderWay,
    /// It is of no use any more: killed, or deleted.
    Lost,
}

impl Foreign {
    /// Reads a record as Glance lists it. `shares` is whether this deployment shares images.
    ///
    /// # Errors
    /// Why it cannot come over.
    pub(super) fn read(record: &Map<String, Value>, shares: bool) -> Result<Foreign, String> {
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let id = text("id").and_then(|id| id.parse().ok()).ok_or("its id is not a UUID")?;
        let owner = text("owner").and_then(|owner| owner.parse().ok());
        let owner =
            owner.ok_or("it has no owner in Glance, and here each image is a project's: set its owner there")?;
        let mut said = said_in(record);
        // Glance calls an image shared that has no member; where nothing is shared, it is its project's only.
        if !shares && text("visibility") == Some("shared") {
            said.insert("visibility".into(), "private".into());
        }
        Ok(Foreign {
            id,
            owner,
            standing: Standing::of(text("status").unwrap_or_default()),
            created_ms: text("created_at").and_then(milliseconds).unwrap_or_default(),
            size_bytes: record.get("size").and_then(Value::as_u64),
            md5: text("checksum").map(str::to_owned),
            hash: text("os_hash_algo").zip(text("os_hash_value")).map(|(kind, value)| (kind.into(), value.into())),
            said,
        })
    }

    pub(super) fn named(&self) -> Named {
        let name = self.said.get("name").and_then(Value::as_str).unwrap_or("(no name)");
        Named { id: self.id.to_string(), name: name.to_owned() }
    }

    /// Whether it has members in Glance.
    pub(super) fn is_shared(&self) -> bool {
        self.said.get("visibility").and_then(Value::as_str) == Some("shared")
    }

    /// The SHA-512, where Glance computes that one.
    pub(super) fn sha512(&self) -> Option<&String> {
        self.hash.as_ref().filter(|(kind, _)| kind == "sha512").map(|(_, value)| value)
    }

    /// How the image here is not as it is in Glance, its members left aside.
    ///
    /// # Errors
    /// The record here cannot be read.
    pub(super) fn differences(&self, here: &Image) -> Result<Vec<String>> {
        let said = said_of(here)?;
        let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".into(), Value::to_string);
        let mut differences: Vec<String> = differing(&self.said, &said)
            .into_iter()
            .map(|name| format!("{name}: {} there, {} here", shown(self.said.get(&name)), shown(said.get(&name))))
            .collect();
        let status = here.status;
        if self.standing.here() != Some(status) {
            differences.push(format!("status: {} there, {status} here", self.standing.word()));
        }
        if self.standing.has_bytes() && matches!(status, Status::Active | Status::Deactivated) {
            let size = self.size_bytes.map(|size| size.to_string());
            let compared = [
                ("size", size.as_ref(), here.size_bytes.map(|size| size.to_string())),
                ("checksum", self.md5.as_ref(), here.checksum.clone()),
                ("os_hash_value", self.sha512(), here.os_hash.clone()),
            ];
            for (name, there, here) in compared {
                // Nothing differs from a value that Glance does not know.
                if let Some(there) = there.filter(|there| Some(*there) != here.as_ref()) {
                    differences.push(format!("{name}: {there} there, {} here", here.as_deref().unwrap_or("nothing")));
                }
            }
        }
        Ok(differences)
    }
}

impl Standing {
    fn of(status: &str) -> Standing {
        match status {
            "queued" => Standing::Queued,
            "active" => Standing::Active,
            "deactivated" => Standing::Deactivated,
            "saving" | "uploading" | "importing" => Standing::UnderWay,
            _ => Standing::Lost,
        }
    }

    pub(super) fn has_bytes(self) -> bool {
        matches!(self, Standing::Active | Standing::Deactivated)
    }

    /// The status that it has here.
    fn here(self) -> Option<Status> {
        match self {
            Standing::Queued => Some(Status::Queued),
            Standing::Active => Some(Status::Active),
            Standing::Deactivated => Some(Status::Deactivated),
            Standing::UnderWay | Standing::Lost => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Standing::UnderWay => "on its way",
            Standing::Lost => "lost",
            other => other.here().map_or("", |status| status.into_str()),
        }
    }
}

/// The attributes and properties of a record that people set. `null` says nothing, as a name that is not there.
fn said_in(record: &Map<String, Value>) -> Attributes {
    let is_said = |name: &str| {
        SET.contains(&name)
            || !BASE_ATTRIBUTES.contains(&name)
                && name != "deleted_at"
                && !OF_SERVICES.iter().any(|beginning| name.starts_with(beginning))
    };
    let said = record.iter().filter(|(name, value)| !value.is_null() && is_said(name));
    let mut said: Attributes = said.map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(Value::Array(tags)) = said.get_mut("tags") {
        tags.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    }
    said
}

/// The same of an image that is here.
pub(super) fn said_of(image: &Image) -> Result<Attributes> {
    let mut record: Map<String, Value> =
        image.properties.read()?.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let said: [(&str, Value); SET.len()] = [
        ("name", image.name.clone().into()),
        ("visibility", image.visibility.into_str().into()),
        ("os_hidden", image.hidden.into()),
        ("protected", image.protected.into()),
        ("disk_format", image.disk_format.clone().into()),
        ("container_format", image.container_format.clone().into()),
        ("min_disk", image.min_disk_gib.into()),
        ("min_ram", image.min_ram_mib.into()),
        ("owner", image.owner.to_string().into()),
        ("tags", image.tags.read()?.into_iter().collect()),
    ];
    record.extend(said.map(|(name, value)| (name.to_owned(), value)));
    Ok(said_in(&record))
}

/// Whether a name is an attribute's, and not a property's.
pub(super) fn is_attribute(name: &str) -> bool {
    SET.contains(&name)
}

/// The names that do not say the same here.
pub(super) fn differing(there: &Attributes, here: &Attributes) -> Vec<String> {
    let names: BTreeSet<&String> = there.keys().chain(here.keys()).collect();
    let differs = |name: &&String| there.get(*name) != here.get(*name) && !is_found(name, there);
    names.into_iter().filter(differs).cloned().collect()
}

/// Whether the record in Glance leaves open what this service fills in when it has looked inside.
fn is_found(name: &str, there: &Attributes) -> bool {
    FOUND_PROPERTIES.contains(&name) && !there.contains_key(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(change: impl FnOnce(&mut Value)) -> Result<Foreign, String> {
        let mut record = json!({
            "id": "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a", "owner": "web", "status": "queued", "visibility": "shared",
            "name": null, "min_disk": 0, "min_ram": 0, "tags": ["b", "a"], "protected": false, "os_hidden": false,
            "created_at": "2020-01-02T03:04:05Z", "file": "/v2/x", "locations": [], "os_glance_failed_import": "",
            "hw_disk_bus": "scsi", "disk_format": "raw", "container_format": "bare",
        });
        change(&mut record);
        Foreign::read(record.as_object().unwrap(), true)
    }

    fn here(foreign: &Foreign) -> Image {
        let mut image = Image::new(foreign.id, foreign.owner, foreign.created_ms);
        image.visibility = "shared".parse().unwrap();
        (image.disk_format, image.container_format) = (Some("raw".into()), Some("bare".into()));
        image.tags = crate::model::image::Tags::of(&["a", "b"].map(str::to_owned).into());
        image.properties = crate::model::image::Properties::of(&[("hw_disk_bus".to_owned(), "scsi".to_owned())].into());
        image
    }

    #[test]
    fn an_image_that_came_over_does_not_differ_and_one_that_changed_does() {
        let foreign = read(|_| ()).unwrap();
        assert_eq!(foreign.created_ms, 1_577_934_245_000);
        let mut image = here(&foreign);
        assert_eq!(foreign.differences(&image).unwrap(), Vec::<String>::new());
        image.hidden = true;
        let expected = ["os_hidden: false there, true here"];
        assert_eq!(foreign.differences(&image).unwrap(), expected);
        let without = read(|record| record["hw_disk_bus"] = Value::Null).unwrap();
        let expected = ["hw_disk_bus: nothing there, \"scsi\" here"];
        assert_eq!(without.differences(&here(&foreign)).unwrap(), expected);
    }

    #[test]
    fn properties_found_inside_differ_only_where_glance_says_another() {
        let foreign = read(|_| ()).unwrap();
        let mut image = here(&foreign);
        let found = [("hw_disk_bus", "scsi"), ("os_distro", "debian")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        image.properties = crate::model::image::Properties::of(&found.into());
        assert_eq!(foreign.differences(&image).unwrap(), Vec::<String>::new());
        image.min_disk_gib = 3;
        let other = read(|record| (record["os_distro"], record["min_disk"]) = (json!("ubuntu"), json!(5))).unwrap();
        let names = differing(&other.said, &said_of(&image).unwrap());
        assert_eq!(names, ["min_disk", "os_distro"]);
    }

    #[test]
    fn bytes_are_compared_by_what_glance_knows_of_them() {
        let known = |record: &mut Value| {
            record["status"] = json!("active");
            (record["size"], record["checksum"]) = (json!(5), json!("aa"));
            (record["os_hash_algo"], record["os_hash_value"]) = (json!("sha512"), json!("bb"));
        };
        let foreign = read(known).unwrap();
        let mut image = here(&foreign);
        (image.status, image.size_bytes) = (Status::Active, Some(5));
        (image.checksum, image.os_hash) = (Some("aa".into()), Some("cc".into()));
        assert_eq!(foreign.differences(&image).unwrap(), ["os_hash_value: bb there, cc here"]);
        let other = read(|record| {
            known(record);
            record["os_hash_algo"] = json!("sha256");
        });
        assert_eq!(other.unwrap().differences(&image).unwrap(), Vec::<String>::new());
        image.status = Status::Deactivated;
        assert_eq!(foreign.differences(&image).unwrap()[0], "status: active there, deactivated here");
    }

    #[test]
    fn an_image_without_an_owner_says_what_to_do() {
        assert!(read(|record| record["owner"] = Value::Null).unwrap_err().contains("set its owner"));
    }
}
