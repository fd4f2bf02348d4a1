//! Image records as JSON, written by hand into one buffer: a list is the service's hottest answer.

use std::io::Write as _;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use crate::images::{Image, Member, Status, Visibility};

/// A page's first guess at its size: an image is about a kilobyte.
const IMAGE_BYTES: usize = 1200;

/// An answer with a JSON body that is written already.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// One image.
pub(super) fn image(image: &Image) -> Vec<u8> {
    let mut out = Vec::with_capacity(IMAGE_BYTES);
    write_image(&mut out, image);
    out
}

/// A page of images; `first` and `next` are paths with their queries.
pub(super) fn page(images: &[Image], first: &str, next: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(IMAGE_BYTES * images.len() + 256);
    out.extend_from_slice(b"{\"images\": [");
    for (n, image) in images.iter().enumerate() {
        if n > 0 {
            out.extend_from_slice(b", ");
        }
        write_image(&mut out, image);
    }
    out.extend_from_slice(b"], \"first\": ");
    text(&mut out, first);
    if let Some(next) = next {
        out.extend_from_slice(b", \"next\": ");
        text(&mut out, next);
    }
    out.extend_from_slice(b", \"schema\": \"/v2/schemas/images\"}");
    out
}

/// A member.
pub(super) fn member(member: &Member) -> serde_json::Value {
    serde_json::json!({
        "image_id": member.image,
        "member_id": member.project,
        "status": member.status.into_str(),
        "created_at": String::from_utf8_lossy(&seconds(member.created_ms)),
        "updated_at": String::from_utf8_lossy(&seconds(member.updated_ms)),
        "schema": "/v2/schemas/member",
    })
}

fn write_image(out: &mut Vec<u8>, image: &Image) {
    out.extend_from_slice(b"{\"id\": \"");
    let mut id = uuid::Uuid::encode_buffer();
    let id = image.id.uuid().hyphenated().encode_lower(&mut id).as_bytes();
    out.extend_from_slice(id);
    out.extend_from_slice(b"\", \"name\": ");
    optional_text(out, image.name.as_deref());
    word(out, "status", image.status.into_str());
    word(out, "visibility", image.visibility.into_str());
    raw(out, "os_hidden", if image.hidden { "true" } else { "false" });
    raw(out, "protected", if image.protected { "true" } else { "false" });
    optional(out, "disk_format", image.disk_format.as_deref());
    optional(out, "container_format", image.container_format.as_deref());
    number(out, "min_disk", Some(image.min_disk_gib));
    number(out, "min_ram", Some(image.min_ram_mib));
    number(out, "size", image.size_bytes);
    number(out, "virtual_size", image.disk_bytes);
    optional(out, "checksum", image.checksum.as_deref());
    optional(out, "os_hash_algo", image.os_hash.as_ref().map(|_| "sha512"));
    optional(out, "os_hash_value", image.os_hash.as_deref());
    out.extend_from_slice(b", \"owner\": \"");
    // No letter of an id needs an escape.
    out.extend_from_slice(image.owner.as_str().as_bytes());
    out.extend_from_slice(b"\", \"created_at\": \"");
    out.extend_from_slice(&seconds(image.created_ms));
    out.extend_from_slice(b"\", \"updated_at\": \"");
    out.extend_from_slice(&seconds(image.updated_ms));
    out.push(b'"');
    if matches!(image.status, Status::Active | Status::Deactivated) {
        word(out, "stores", &image.stores.to_string());
    }
    if let Some(task) = &image.import_task {
        word(out, "os_glance_import_task", task);
    }
    for (name, stores) in
        [("os_glance_importing_to_stores", &image.importing_to), ("os_glance_failed_import", &image.failed_import)]
    {
        if let Some(stores) = stores {
            word(out, name, &stores.to_string());
        }
    }
    // Tags and properties are JSON in the row already.
    raw(out, "tags", image.tags.as_json());
    if let Some(hold) = image.public_hold {
        let (name, why) = match image.visibility {
            Visibility::Public => ("os_effigy_public", "os_effigy_public_why"),
            _ => ("os_effigy_sharing", "os_effigy_sharing_why"),
        };
        word(out, name, hold.into_str());
        optional(out, why, image.public_why.as_deref());
    }
    if let Some(number) = image.release_number {
        word(out, "os_effigy_release", &number.to_string());
    }
    for (name, at) in [("os_effigy_deprecated_at", image.deprecate_ms), ("os_effigy_retired_at", image.retire_ms)] {
        if let Some(at) = at {
            word(out, name, &String::from_utf8_lossy(&seconds(at)));
        }
    }
    let properties = image.properties.as_json().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    if let Some(properties) = properties.filter(|text| !text.is_empty()) {
        out.extend_from_slice(b", ");
        out.extend_from_slice(properties.as_bytes());
    }
    out.extend_from_slice(b", \"self\": \"/v2/images/");
    out.extend_from_slice(id);
    out.extend_from_slice(b"\", \"file\": \"/v2/images/");
    out.extend_from_slice(id);
    out.extend_from_slice(b"/file\", \"schema\": \"/v2/schemas/image\"}");
}

fn raw(out: &mut Vec<u8>, name: &str, value: &str) {
    let _ = write!(out, ", \"{name}\": {value}");
}

fn word(out: &mut Vec<u8>, name: &str, value: &str) {
    let _ = write!(out, ", \"{name}\": \"{value}\"");
}

fn number(out: &mut Vec<u8>, name: &str, value: Option<i64>) {
    let _ = match value {
        Some(value) => write!(out, ", \"{name}\": {value}"),
        None => write!(out, ", \"{name}\": null"),
    };
}

fn optional(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    let _ = write!(out, ", \"{name}\": ");
    optional_text(out, value);
}

fn optional_text(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(value) => text(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn text(out: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(out, value).expect("a string is written to memory");
}

/// A time as Glance writes it, `2026-08-01T12:00:00Z`. By hand: it is a third of a list's rendering otherwise.
pub(super) fn seconds(ms: i64) -> [u8; 20] {
    let total = ms.div_euclid(1000);
    let (days, second) = (total.div_euclid(86_400), total.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let mut out = *b"0000-00-00T00:00:00Z";
    let mut digits = |at: usize, width: usize, value: i64| {
        let mut value = value;
        for place in (at..at + width).rev() {
            out[place] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    digits(0, 4, year);
    digits(5, 2, month);
    digits(8, 2, day);
    digits(11, 2, second / 3600);
    digits(14, 2, second / 60 % 60);
    digits(17, 2, second % 60);
    out
}

/// Days since 1970-01-01 as year, month and day of the Gregorian calendar
/// (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
fn date(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::image::{Properties, StoreNames, Tags};

    #[test]
    fn times_are_those_of_the_calendar() {
        let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        for ms in [0, 951_782_400_000, 1_709_164_800_999, 1_795_433_820_123, 4_102_444_799_000, 253_402_300_799_000] {
            let expected = time::OffsetDateTime::from_unix_timestamp(ms / 1000).unwrap().format(format).unwrap();
            assert_eq!(String::from_utf8_lossy(&seconds(ms)), expected);
        }
    }

    #[test]
    fn a_rendered_image_is_json_whatever_it_is_called() {
        let mut shown = crate::images::Image {
            name: Some("quotes \" backslash \\ newline \n and \u{202e}".into()),
            status: Status::Active,
            protected: true,
            disk_format: Some("raw".into()),
            size_bytes: Some(1),
            stores: StoreNames(vec!["local".into()]),
            tags: Tags::of(&["a".to_owned()].into()),
            properties: Properties::of(&[("p".to_owned(), "{}".to_owned())].into()),
            import_task: Some("t".into()),
            importing_to: Some(StoreNames(vec!["local".into()])),
            failed_import: Some(StoreNames::default()),
            ..crate::images::Image::new(crate::ids::ImageId::new(), crate::ids::ProjectId::new(), 0)
        };
        let json: serde_json::Value = serde_json::from_slice(&image(&shown)).unwrap();
        assert_eq!(json["name"], shown.name.clone().unwrap());
        assert_eq!(json["p"], "{}");
        assert_eq!(json["protected"], true);
        assert_eq!(json["os_glance_importing_to_stores"], "local");
        shown.properties = Properties::default();
        let page: serde_json::Value = serde_json::from_slice(&page(&[shown.clone(), shown], "/f", None)).unwrap();
        assert_eq!(page["images"].as_array().unwrap().len(), 2);
    }
}
