//! Pages of images, each one statement.
//!
//! The rules say what is seen as a union of disjoint parts ([`Part`]); here each becomes a branch of the statement. A
//! branch walks an index in the page's order and stops at the page's length, so a page costs the same however many
//! images there are; the outer statement merges at most four pages of ids into one page of images.

use std::fmt::Write as _;

use futures::TryStreamExt as _;
use sqlx::Row as _;

use super::{
    Database,
    images::{COLUMNS, property_label, tag_label},
    members, now_ms,
    statement::{Statement, Value, order_by, total_order},
};
use crate::{
    error::Result,
    ids::ProjectId,
    model::{
        image::{Image, Visibility},
        image_list::{
            Comparison, Condition, Direction, ImagePage, ListImages, NumberColumn, Part, SortKey, TextColumn,
        },
        member::MemberStatus,
    },
};

/// A tag or property that so few images have is answered from its label, for whoever sees all images; one that more have
/// is looked for along the page's order, where it is found soon. To others the time would tell which labels the images
/// of strangers have: theirs is always looked for along the order, among the images that they see.
const FEW: usize = 200;

/// A page ends after so many bytes of properties and tags, however many images it may have.
const PAGE_BYTES: usize = 8 << 20;

/// One page: what is seen, what was asked for, and the image that it begins after.
#[derive(Clone, Copy)]
struct Page<'a> {
    parts: &'a [Part],
    wanted: &'a ListImages,
    after: Option<&'a Image>,
}

impl Database {
    /// How many images of these parts meet the conditions.
    pub async fn count_images(&self, parts: &[Part], wanted: &ListImages) -> Result<i64> {
        if parts.is_empty() {
            return Ok(0);
        }
        let statement = Statement::counting(Page { parts, wanted, after: None });
        Ok(statement.sql().column::<i64>(self).await?.into_iter().sum())
    }

    /// One page of the images of these parts. `after` is the marker's record.
    pub async fn image_page(&self, parts: &[Part], wanted: &ListImages, after: Option<&Image>) -> Result<ImagePage> {
        if parts.is_empty() {
            return Ok(ImagePage::default());
        }
        let Some(wanted) = self.narrowed(parts, wanted).await? else { return Ok(ImagePage::default()) };
        let statement = Statement::of(Page { parts, wanted: &wanted, after });
        let mut rows = statement.sql().0.fetch(self.reads());
        let (mut page, mut bytes) = (ImagePage::default(), 0);
        while bytes < PAGE_BYTES
            && let Some(row) = rows.try_next().await?
        {
            let image = Image::of(&row)?;
            bytes += image.properties.as_json().len() + image.tags.as_json().len();
            page.images.push(image);
        }
        page.is_more = bytes >= PAGE_BYTES || page.images.len() == wanted.limit as usize;
        Ok(page)
    }

    /// The same question with the ids of the images that have a label in its place, where they are few and the caller
    /// sees all images; `None` when none has it.
    pub async fn narrowed(&self, parts: &[Part], wanted: &ListImages) -> Result<Option<ListImages>> {
        let mut wanted = wanted.clone();
        if !matches!(parts, [Part::Every(_)]) {
            return Ok(Some(wanted));
        }
        for condition in &mut wanted.conditions {
            if let Some(label) = condition.label()
                && let Some(ids) = self.labelled(label).await?
            {
                if ids.is_empty() {
                    return Ok(None);
                }
                *condition = Condition::TextIn(TextColumn::Id, ids);
            }
        }
        Ok(Some(wanted))
    }

    /// The images with this label, if they are few.
    async fn labelled(&self, label: String) -> Result<Option<Vec<String>>> {
        let rows = sqlx::query("select image_id from image_labels where label = $1 limit $2")
            .bind(label)
            .bind(FEW as i64 + 1)
            .fetch_all(self.reads())
            .await?;
        let ids = rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<Vec<String>>>()?;
        Ok(Some(ids).filter(|ids| ids.len() <= FEW))
    }
}

impl Condition {
    fn label(&self) -> Option<String> {
        match self {
            Condition::Tag(tag) => Some(tag_label(tag)),
            Condition::Property(name, value) => Some(property_label(name, value)),
            Condition::TextIn(..)
            | Condition::Protected(_)
            | Condition::Number(..)
            | Condition::Matches(_)
            | Condition::Failed(_) => None,
        }
    }
}

impl Statement {
    fn of(page: Page<'_>) -> Statement {
        let mut statement = Statement::default();
        let order = total(&page.wanted.order);
        let order_by = order_by(&order, sort_expression);
        // The conditions' values are bound once, whichever branches use them.
        let images = statement.choose_ids(page.wanted);
        let mut rest = statement.always(page.wanted);
        for condition in page.wanted.conditions.iter().filter(|condition| !is_of_ids(condition)) {
            statement.condition(condition, &mut rest);
        }
        if let Some(after) = page.after {
            let order: Vec<_> = order
                .iter()
                .map(|(key, direction)| (sort_expression(*key), *direction, sort_value(*key, after)))
                .collect();
            let _ = write!(rest, " and {}", statement.after(&order));
        }
        let limit = statement.value(Value::Number(i64::from(page.wanted.limit)));
        if let [only] = page.parts {
            let (from, when) = statement.branch(only, images);
            let sql = format!("select {COLUMNS} from {from} where {when}{rest} order by {order_by} limit {limit}");
            statement.text.push_str(&sql);
            return statement;
        }
        // Ids first, a page of them from each branch; the wide rows only of those that make the page.
        let _ = write!(statement.text, "select {COLUMNS} from images i where i.id in (select id from (");
        for (n, part) in page.parts.iter().enumerate() {
            let (from, when) = statement.branch(part, images);
            let union = if n > 0 { " union all " } else { "" };
            let _ = write!(
                statement.text,
                "{union}select id from (select i.id from {from} where {when}{rest} order by {order_by} limit {limit}) as b{n}"
            );
        }
        let _ = write!(statement.text, ") as seen) order by {order_by} limit {limit}");
        statement
    }

    /// Which table the branches look in: all images, or first of all those of the ids that were asked for, which no
    /// planner then walks all of a project's images for.
    fn choose_ids(&mut self, wanted: &ListImages) -> &'static str {
        let mut chosen = String::new();
        for condition in wanted.conditions.iter().filter(|condition| is_of_ids(condition)) {
            self.condition(condition, &mut chosen);
        }
        if chosen.is_empty() {
            return "images";
        }
        let _ = write!(self.text, "with chosen as materialized (select i.* from images i where 1 = 1{chosen}) ");
        "chosen"
    }

    /// Each branch's count, a row each.
    fn counting(page: Page<'_>) -> Statement {
        let mut statement = Statement::default();
        let mut rest = statement.always(page.wanted);
        for condition in &page.wanted.conditions {
            statement.condition(condition, &mut rest);
        }
        for (n, part) in page.parts.iter().enumerate() {
            let union = if n > 0 { " union all " } else { "" };
            let (from, when) = statement.branch(part, "images");
            let _ = write!(statement.text, "{union}select count(*) from {from} where {when}{rest}");
        }
        statement
    }

    /// The conditions of every list: nothing deleted, and hidden images only when they are asked for.
    fn always(&mut self, wanted: &ListImages) -> String {
        let hidden = self.value(Value::Number(i64::from(wanted.hidden)));
        format!(" and i.status <> 'deleted' and i.hidden = {hidden}")
    }

    /// The tables of one part, and what makes an image one of it.
    fn branch(&mut self, part: &Part, images: &str) -> (String, String) {
        let of = |visibility: &Option<Visibility>| match visibility {
            Some(visibility) => format!(" and i.visibility = '{visibility}'"),
            None => String::new(),
        };
        let mut value = |project: &ProjectId| self.value(Value::Text(project.to_string()));
        let when = match part {
            Part::Every(visibility) => format!("1 = 1{}", of(visibility)),
            Part::Own(project, visibility) => format!("i.owner = {}{}", value(project), of(visibility)),
            Part::Open(visibility, project) => {
                format!("i.visibility = '{visibility}' and (i.public_hold is null or i.owner = {})", value(project))
            }
            Part::OpenOfOthers(visibility, project) => {
                format!("i.visibility = '{visibility}' and i.public_hold is null and i.owner <> {}", value(project))
            }
            Part::SharedWith(project, statuses) => {
                let project = value(project);
                let now = self.value(Value::Number(now_ms()));
                let when = format!(
                    "m.project_id = {project} and {} and {} and i.id = m.image_id \
                     and i.visibility = 'shared' and i.public_hold is null and i.owner <> {project}",
                    one_of("m.status", statuses),
                    members::live(&now)
                );
                return (format!("image_members m cross join {images} i"), when);
            }
        };
        (format!("{images} i"), when)
    }

    fn condition(&mut self, condition: &Condition, sql: &mut String) {
        match condition {
            Condition::TextIn(column, texts) if texts.len() == 1 => {
                let place = self.value(Value::Text(texts[0].clone()));
                let _ = write!(sql, " and {} = {place}", text_column(*column));
            }
            Condition::TextIn(column, texts) => {
                let places: Vec<_> = texts.iter().map(|text| self.value(Value::Text(text.clone()))).collect();
                let _ = write!(sql, " and {} in ({})", text_column(*column), places.join(", "));
            }
            Condition::Protected(is_protected) => {
                let place = self.value(Value::Number(i64::from(*is_protected)));
                let _ = write!(sql, " and i.protected = {place}");
            }
            Condition::Number(column, comparison, number) => {
                let place = self.value(Value::Number(*number));
                let _ = write!(sql, " and {} {} {place}", number_column(*column), sign(*comparison));
            }
            Condition::Tag(tag) => self.label(tag_label(tag), sql),
            Condition::Property(name, value) => self.label(property_label(name, value), sql),
            Condition::Matches(text) => self.matches(text, sql),
            // Nothing but a save that failed leaves a reason on an image without bytes.
            Condition::Failed(true) => sql.push_str(" and i.status = 'queued' and i.reason is not null"),
            Condition::Failed(false) => sql.push_str(" and not (i.status = 'queued' and i.reason is not null)"),
        }
    }

    /// Looks for a text where a person would: the images that are seen are walked, whatever has it.
    fn matches(&mut self, text: &str, sql: &mut String) {
        let anywhere = self.value(Value::Text(format!("%{}%", plain(text))));
        let first = self.value(Value::Text(format!("{}%", plain(text))));
        // A property is found in the JSON of all of them. In there, a quote within a value has a backslash before it, so
        // no value looks like this name.
        let within = serde_json::to_string(text).unwrap_or_default();
        let within = plain(within.trim_matches('"'));
        let system = self.value(Value::Text(format!("%\"os!_distro\":\"{within}%")));
        let _ = write!(
            sql,
            " and (lower(coalesce(i.name, '')) like {anywhere} escape '!' or i.id like {first} escape '!' \
             or lower(i.tags) like {anywhere} escape '!' or lower(i.properties) like {system} escape '!')"
        );
    }

    fn label(&mut self, label: String, sql: &mut String) {
        let place = self.value(Value::Text(label));
        let _ = write!(sql, " and exists (select 1 from image_labels l where l.label = {place} and l.image_id = i.id)");
    }
}

fn is_of_ids(condition: &Condition) -> bool {
    matches!(condition, Condition::TextIn(TextColumn::Id, _))
}

fn one_of(column: &str, statuses: &[MemberStatus]) -> String {
    match statuses {
        [only] => format!("{column} = '{only}'"),
        _ => {
            let words: Vec<_> = statuses.iter().map(|status| format!("'{status}'")).collect();
            format!("{column} in ({})", words.join(", "))
        }
    }
}

/// The text in a pattern of `like`, whatever signs of patterns are in it.
fn plain(text: &str) -> String {
    text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// Creation and id, in the direction of the first key, make any order total.
fn total(order: &[(SortKey, Direction)]) -> Vec<(SortKey, Direction)> {
    let direction = order.first().map_or(Direction::Descending, |(_, direction)| *direction);
    total_order(order, &[(SortKey::CreatedMs, direction), (SortKey::Id, direction)])
}

fn sort_expression(key: SortKey) -> &'static str {
    match key {
        SortKey::Name => "coalesce(i.name, '')",
        SortKey::Status => "i.status",
        SortKey::DiskFormat => "coalesce(i.disk_format, '')",
        SortKey::ContainerFormat => "coalesce(i.container_format, '')",
        SortKey::SizeBytes => "coalesce(i.size_bytes, -1)",
        SortKey::Id => "i.id",
        SortKey::CreatedMs => "i.created_ms",
        SortKey::UpdatedMs => "i.updated_ms",
    }
}

fn sort_value(key: SortKey, image: &Image) -> Value {
    match key {
        SortKey::Name => Value::Text(image.name.clone().unwrap_or_default()),
        SortKey::Status => Value::Text(image.status.into_str().into()),
        SortKey::DiskFormat => Value::Text(image.disk_format.clone().unwrap_or_default()),
        SortKey::ContainerFormat => Value::Text(image.container_format.clone().unwrap_or_default()),
        SortKey::SizeBytes => Value::Number(image.size_bytes.unwrap_or(-1)),
        SortKey::Id => Value::Text(image.id.to_string()),
        SortKey::CreatedMs => Value::Number(image.created_ms),
        SortKey::UpdatedMs => Value::Number(image.updated_ms),
    }
}

fn text_column(column: TextColumn) -> &'static str {
    match column {
        TextColumn::Id => "i.id",
        TextColumn::Name => "coalesce(i.name, '')",
        TextColumn::Status => "i.status",
        TextColumn::Owner => "i.owner",
        TextColumn::DiskFormat => "i.disk_format",
        TextColumn::ContainerFormat => "i.container_format",
        TextColumn::Checksum => "i.checksum",
        TextColumn::OsHash => "i.os_hash",
        TextColumn::Visibility => "i.visibility",
        TextColumn::Verdict => "i.verdict",
    }
}

fn number_column(column: NumberColumn) -> &'static str {
    match column {
        NumberColumn::SizeBytes => "i.size_bytes",
        NumberColumn::Problems => "i.problems",
        NumberColumn::MinDiskGib => "i.min_disk_gib",
        NumberColumn::MinRamMib => "i.min_ram_mib",
        NumberColumn::CreatedMs => "i.created_ms / 1000",
        NumberColumn::UpdatedMs => "i.updated_ms / 1000",
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}
