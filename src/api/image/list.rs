//! `GET /v2/images`: Glance's filters, sorts and pages.

use axum::{http::StatusCode, response::Response};

use super::render;
use crate::{
    api::{
        caller::Asked,
        error::Answer,
        paging::{self, Page, Query},
    },
    error::{Error, Result},
    images::{
        Comparison, Condition, Direction, Image, ImagePage, ListImages, Membership, NumberColumn, PageVisibility,
        SortKey, TextColumn,
    },
};

/// Where images are.
const IMAGES: &str = "/v2/images";
/// The most values of one `in:`: more than any page of a client names.
const MAX_CHOICES: usize = 500;

pub(super) async fn list(Asked { rooms, caller, .. }: Asked, query: Query) -> Answer<Response> {
    let page = page(rooms.images.list(&caller, read_with(&query, |_, _, _| Ok(false))?).await?);
    let next = page.next.map(|marker| query.after(IMAGES, &marker));
    Ok(render::json(StatusCode::OK, render::page(&page.items, &query.first(IMAGES), next.as_deref())))
}

/// The page, and the marker of the next one.
pub(in crate::api) fn page(ImagePage { images, is_more }: ImagePage) -> Page<Image> {
    let next = images.last().filter(|_| is_more).map(|image| image.id.to_string());
    Page { items: images, next }
}

/// Reads a query, in which `more` knows further words.
pub(in crate::api) fn read_with(
    query: &Query,
    more: impl Fn(&mut ListImages, &str, &str) -> Result<bool>,
) -> Result<ListImages> {
    let mut wanted = ListImages { limit: paging::PAGE, ..ListImages::default() };
    let mut sort = Sort::default();
    for (name, value) in query.pairs() {
        if more(&mut wanted, name, value)? {
            continue;
        }
        match name {
            "limit" => wanted.limit = paging::limit(Some(value), paging::PAGE)?,
            "marker" => wanted.marker = Some(marker(value)?),
            "sort" => sort.both.push(value.to_owned()),
            "sort_key" => sort.keys.push(value.to_owned()),
            "sort_dir" => sort.directions.push(value.to_owned()),
            "visibility" => wanted.visibility = Some(visibility(value)?),
            "member_status" => wanted.membership = Some(membership(value)?),
            "os_hidden" => wanted.hidden = flag(name, value)?,
            _ => wanted.conditions.push(condition(name, value.to_owned())?),
        }
    }
    // A key that came before orders nothing more, and each would be a term of the statement.
    for (key, direction) in sort.order()? {
        if !wanted.order.iter().any(|(earlier, _)| *earlier == key) {
            wanted.order.push((key, direction));
        }
    }
    Ok(wanted)
}

fn condition(name: &str, value: String) -> Result<Condition> {
    let number =
        |column, comparison, value: &str| Ok(Condition::Number(column, comparison, whole_number(name, value)?));
    match name {
        "id" => choices(TextColumn::Id, name, value, |id| {
            // An id may be written in several ways; what is not an id names no image.
            id.parse::<crate::ids::ImageId>().map_or(id, |id| id.to_string())
        }),
        "name" => choices(TextColumn::Name, name, value, |name| name),
        "status" => choices(TextColumn::Status, name, value, |status| status),
        "owner" => choices(TextColumn::Owner, name, value, |owner| owner),
        "disk_format" => choices(TextColumn::DiskFormat, name, value, |format| format),
        "container_format" => choices(TextColumn::ContainerFormat, name, value, |format| format),
        "checksum" => choices(TextColumn::Checksum, name, value, |checksum| checksum),
        "os_hash_value" => choices(TextColumn::OsHash, name, value, |hash| hash),
        "tag" => Ok(Condition::Tag(value)),
        "protected" => Ok(Condition::Protected(flag(name, &value)?)),
        "size_min" => number(NumberColumn::SizeBytes, Comparison::GreaterOrEqual, &value),
        "size_max" => number(NumberColumn::SizeBytes, Comparison::LessOrEqual, &value),
        "size" => number(NumberColumn::SizeBytes, Comparison::Equal, &value),
        "min_disk" => number(NumberColumn::MinDiskGib, Comparison::Equal, &value),
        "min_ram" => number(NumberColumn::MinRamMib, Comparison::Equal, &value),
        "created_at" => time(NumberColumn::CreatedMs, name, &value),
        "updated_at" => time(NumberColumn::UpdatedMs, name, &value),
        _ => Ok(Condition::Property(name.to_owned(), value)),
    }
}

/// `value`, `eq:value` or `in:one,two,"three, four"`.
fn choices(column: TextColumn, name: &str, value: String, normal: impl Fn(String) -> String) -> Result<Condition> {
    let texts = match value.strip_prefix("in:") {
        Some(list) => split_quoted(list).ok_or_else(|| {
            Error::Invalid(format!(
                "the filter {name} is not a valid list: separate its values by commas and close every quote"
            ))
        })?,
        None => vec![value.strip_prefix("eq:").map(str::to_owned).unwrap_or(value)],
    };
    if texts.len() > MAX_CHOICES {
        return Err(Error::Invalid(format!("the filter {name} has at most {MAX_CHOICES} values")));
    }
    Ok(Condition::TextIn(column, texts.into_iter().map(normal).collect()))
}

/// Splits at commas that are not within double quotes; `None` when a quote is left open or stands within a value.
fn split_quoted(list: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut rest = list;
    loop {
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"')?;
                (value, after)
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (value, after) = rest.split_at(end);
                if value.contains('"') {
                    return None;
                }
                (value, after)
            }
        };
        values.push(value.to_owned());
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(values),
            None => return None,
        }
    }
}

/// `2026-08-01T12:00:00Z`, or with `gt:`, `gte:`, `lt:`, `lte:`, `eq:`, `neq:` before it.
fn time(column: NumberColumn, name: &str, value: &str) -> Result<Condition> {
    let operators = [
        ("gte:", Comparison::GreaterOrEqual),
        ("gt:", Comparison::Greater),
        ("lte:", Comparison::LessOrEqual),
        ("lt:", Comparison::Less),
        ("neq:", Comparison::NotEqual),
        ("eq:", Comparison::Equal),
    ];
    let found = operators.iter().find_map(|(word, sign)| value.strip_prefix(word).map(|rest| (*sign, rest)));
    let (comparison, text) = found.unwrap_or((Comparison::Equal, value));
    let seconds = timestamp(text).ok_or_else(|| {
        Error::Invalid(format!("the filter {name} must be a time such as gte:2026-08-01T12:00:00Z, not '{value}'"))
    })?;
    Ok(Condition::Number(column, comparison, seconds))
}

/// Seconds since 1970 of an ISO 8601 time; without a zone it is UTC, as everything here is.
fn timestamp(text: &str) -> Option<i64> {
    use time::{OffsetDateTime, PrimitiveDateTime, format_description::well_known::Iso8601};
    // A plus sign that a client did not encode has become a space.
    let text = text.trim().replace(' ', "+");
    let zoned = OffsetDateTime::parse(&text, &Iso8601::PARSING).ok().map(OffsetDateTime::unix_timestamp);
    zoned.or_else(|| {
        let local = PrimitiveDateTime::parse(&text, &Iso8601::PARSING).ok()?;
        Some(local.assume_utc().unix_timestamp())
    })
}

/// The two ways to ask for an order.
#[derive(Default)]
struct Sort {
    both: Vec<String>,
    keys: Vec<String>,
    directions: Vec<String>,
}

impl Sort {
    fn order(self) -> Result<Vec<(SortKey, Direction)>> {
        if !self.both.is_empty() {
            if !self.keys.is_empty() || !self.directions.is_empty() {
                return Err(Error::Invalid("use either sort, or sort_key and sort_dir".into()));
            }
            let terms = self.both.iter().flat_map(|terms| terms.split(','));
            return terms
                .map(|term| {
                    let (key, direction) = term.split_once(':').unwrap_or((term, "desc"));
                    Ok((sort_key(key.trim())?, sort_direction(direction.trim())?))
                })
                .collect();
        }
        let keys = if self.keys.is_empty() { vec!["created_at".to_owned()] } else { self.keys };
        let directions = match self.directions.len() {
            0 => vec!["desc".to_owned(); keys.len()],
            1 => vec![self.directions[0].clone(); keys.len()],
            n if n == keys.len() => self.directions,
            _ => return Err(Error::Invalid("there must be one sort_dir, or as many as there are sort_key".into())),
        };
        keys.iter().zip(&directions).map(|(key, way)| Ok((sort_key(key)?, sort_direction(way)?))).collect()
    }
}

fn sort_key(key: &str) -> Result<SortKey> {
    Ok(match key {
        "name" => SortKey::Name,
        "status" => SortKey::Status,
        "disk_format" => SortKey::DiskFormat,
        "container_format" => SortKey::ContainerFormat,
        "size" => SortKey::SizeBytes,
        "id" => SortKey::Id,
        "created_at" => SortKey::CreatedMs,
        "updated_at" => SortKey::UpdatedMs,
        _ => {
            return Err(Error::Invalid(format!(
                "images are sorted by name, status, disk_format, container_format, size, id, created_at or \
                 updated_at, not by '{key}'"
            )));
        }
    })
}

fn sort_direction(direction: &str) -> Result<Direction> {
    match direction {
        "asc" => Ok(Direction::Ascending),
        "desc" => Ok(Direction::Descending),
        _ => Err(Error::Invalid(format!("the direction of a sort must be asc or desc, not '{direction}'"))),
    }
}

fn visibility(value: &str) -> Result<PageVisibility> {
    match value {
        "all" => Ok(PageVisibility::All),
        word => {
            Ok(PageVisibility::Only(word.parse().map_err(|error| Error::Invalid(format!("visibility: {error}, all")))?))
        }
    }
}

fn membership(value: &str) -> Result<Membership> {
    match value {
        "all" => Ok(Membership::All),
        word => {
            Ok(Membership::Only(word.parse().map_err(|error| Error::Invalid(format!("member_status: {error}, all")))?))
        }
    }
}

fn marker(value: &str) -> Result<crate::ids::ImageId> {
    value.parse().map_err(|_| Error::Invalid("Invalid marker. Image could not be found.".into()))
}

pub(in crate::api) fn flag(name: &str, value: &str) -> Result<bool> {
    match value {
        _ if value.eq_ignore_ascii_case("true") => Ok(true),
        _ if value.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Error::Invalid(format!("the filter {name} must be true or false, not '{value}'"))),
    }
}

fn whole_number(name: &str, value: &str) -> Result<i64> {
    let number = value.parse::<i64>().ok().filter(|number| *number >= 0);
    number
        .ok_or_else(|| Error::Invalid(format!("the filter {name} must be a whole number of at least 0, not '{value}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_in_filters_are_split_outside_quotes() {
        let split = |text| split_quoted(text);
        assert_eq!(split("a,b"), Some(vec!["a".into(), "b".into()]));
        assert_eq!(split("\"a,b\",c"), Some(vec!["a,b".into(), "c".into()]));
        assert_eq!(split("\"a"), None);
        assert_eq!(split("a\"b"), None);
        assert_eq!(split("\"a\"b"), None);
    }

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        assert_eq!(timestamp("1970-01-01T00:01:00Z"), Some(60));
        assert_eq!(timestamp("1970-01-01T00:01:00"), Some(60));
        assert_eq!(timestamp("1970-01-01T01:01:00+01:00"), Some(60));
        assert_eq!(timestamp("1970-01-01T01:01:00 01:00"), Some(60));
        assert_eq!(timestamp("yesterday"), None);
    }

    #[test]
    fn an_order_is_read_in_both_ways() {
        let order =
            |query: &str| read_with(&Query::read(query).unwrap(), |_, _, _| Ok(false)).map(|wanted| wanted.order);
        let by_name = vec![(SortKey::Name, Direction::Ascending), (SortKey::SizeBytes, Direction::Descending)];
        assert_eq!(order("sort=name:asc,size").unwrap(), by_name);
        assert_eq!(order("sort_key=name&sort_key=size&sort_dir=asc&sort_dir=desc").unwrap(), by_name);
        assert_eq!(order("").unwrap(), [(SortKey::CreatedMs, Direction::Descending)]);
        for refused in ["sort=colour", "sort=name:up", "sort=name&sort_key=id", "sort_key=id&sort_dir=asc&sort_dir=asc"]
        {
            assert!(order(refused).is_err(), "{refused}");
        }
    }
}
