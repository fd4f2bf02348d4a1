//! Pages of images, each one statement.
//!
//! What a project sees is the union of disjoint branches (its own, public, shared with it, community). Each branch
//! walks an index in the page's order and stops at the page's length, so a page costs the same however many images
//! there are; the outer statement merges at most four pages into one.

use std::fmt::Write as _;

use sqlx::{Any, AssertSqlSafe, query::Query};

use super::{
    Database,
    images::{COLUMNS, Image, MemberStatus, Visibility, property_label, tag_label},
};
use crate::{error::Result, ids::ProjectId};

/// Which images a page is of.
#[derive(Clone, Debug)]
pub struct ImagePage {
    /// Who looks: everything, or what this project sees.
    pub viewer: Option<ProjectId>,
    /// Only of this visibility; `None` is all but other projects' community images.
    pub visibility: Option<PageVisibility>,
    /// What the viewer has made of images shared with it; `None` is whatever but rejected.
    pub membership: Option<MemberStatus>,
    /// Whether images shared with the viewer are seen at all.
    pub with_shared: bool,
    /// What else must hold.
    pub conditions: Vec<Condition>,
    /// The order; made total by creation and id.
    pub order: Vec<(SortKey, Direction)>,
    /// The page begins after this image.
    pub after: Option<Image>,
    /// How many images at most.
    pub limit: u32,
}

/// A visibility as lists ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageVisibility {
    /// This one.
    Only(Visibility),
    /// All, community images included.
    All,
}

/// Something that must hold of an image in a page.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A column has one of these texts.
    TextIn(TextColumn, Vec<String>),
    /// A column compares so with this number.
    Number(NumberColumn, Comparison, i64),
    /// The image has this tag.
    Tag(String),
    /// The image has this property with this value.
    Property(String, String),
}

/// A column of text that pages filter by.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are the columns'")]
pub enum TextColumn {
    Id,
    Name,
    Status,
    Owner,
    DiskFormat,
    ContainerFormat,
    Checksum,
    OsHash,
}

/// A column of numbers that pages filter by.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are the columns'")]
pub enum NumberColumn {
    Hidden,
    Protected,
    SizeBytes,
    MinDiskGib,
    MinRamMib,
    /// In milliseconds, compared by the second they fall into, as they are shown.
    CreatedMs,
    /// As above.
    UpdatedMs,
}

/// How numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What pages are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the columns'")]
pub enum SortKey {
    Name,
    Status,
    DiskFormat,
    ContainerFormat,
    SizeBytes,
    Id,
    CreatedMs,
    UpdatedMs,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Direction {
    Ascending,
    Descending,
}

impl Database {
    /// One page of images.
    pub async fn image_page(&self, page: &ImagePage) -> Result<Vec<Image>> {
        let statement = Statement::of(page);
        let mut query = sqlx::query(AssertSqlSafe(statement.sql));
        for value in statement.values {
            query = value.bind(query);
        }
        query.fetch_all(self.reads()).await?.iter().map(Image::of).collect()
    }
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Number(i64),
}

type AnyQuery<'q> = Query<'q, Any, sqlx::any::AnyArguments>;

impl Value {
    fn bind(self, query: AnyQuery<'_>) -> AnyQuery<'_> {
        match self {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        }
    }
}

/// A statement being written. The text is made of our own words alone; whatever a client sent is a value.
#[derive(Default)]
struct Statement {
    sql: String,
    values: Vec<Value>,
}

impl Statement {
    fn of(page: &ImagePage) -> Statement {
        let mut statement = Statement::default();
        let order = total_order(&page.order);
        let branches = branches(page);
        // The conditions' values are bound once, whichever branches use them.
        let mut rest = String::from(" and i.status <> 'deleted'");
        for condition in &page.conditions {
            statement.condition(condition, &mut rest);
        }
        if let Some(after) = &page.after {
            rest.push_str(" and ");
            statement.after(&order, after, &mut rest);
        }
        let limit = statement.value(Value::Number(i64::from(page.limit)));
        let order_by = order_by(&order);
        if branches.len() > 1 {
            statement.sql.push_str("select * from (");
        }
        for (n, branch) in branches.iter().enumerate() {
            let (open, close) = if branches.len() > 1 { ("select * from (", ")") } else { ("", "") };
            let union = if n > 0 { " union all " } else { "" };
            let (from, when) = statement.branch(branch, page);
            let _ = write!(
                statement.sql,
                "{union}{open}select {COLUMNS} from {from} where {when}{rest} order by {order_by} limit {limit}{close}"
            );
            if branches.len() > 1 {
                let _ = write!(statement.sql, " as b{n}");
            }
        }
        if branches.len() > 1 {
            let _ = write!(statement.sql, ") as i order by {order_by} limit {limit}");
        }
        statement
    }

    /// Takes a value and returns its placeholder.
    fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn branch(&mut self, branch: &Branch, page: &ImagePage) -> (&'static str, String) {
        let project = |statement: &mut Statement| {
            let project = page.viewer.map(|project| project.to_string()).unwrap_or_default();
            statement.value(Value::Text(project))
        };
        match branch {
            Branch::All => ("images i", "1 = 1".into()),
            Branch::AllOf(visibility) => ("images i", format!("i.visibility = '{visibility}'")),
            Branch::Own => ("images i", format!("i.owner = {}", project(self))),
            Branch::OwnOf(visibility) => {
                ("images i", format!("i.owner = {} and i.visibility = '{visibility}'", project(self)))
            }
            Branch::OthersOf(visibility) => {
                ("images i", format!("i.visibility = '{visibility}' and i.owner <> {}", project(self)))
            }
            Branch::SharedWith => {
                let project = project(self);
                let status = match page.membership {
                    Some(status) => format!("m.status = '{status}'"),
                    None => "m.status <> 'rejected'".into(),
                };
                let when = format!(
                    "m.project_id = {project} and {status} and i.id = m.image_id \
                     and i.visibility = 'shared' and i.owner <> {project}"
                );
                ("image_members m cross join images i", when)
            }
        }
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
            Condition::Number(column, comparison, number) => {
                let place = self.value(Value::Number(*number));
                let _ = write!(sql, " and {} {} {place}", number_column(*column), sign(*comparison));
            }
            Condition::Tag(tag) => self.label(tag_label(tag), sql),
            Condition::Property(name, value) => self.label(property_label(name, value), sql),
        }
    }

    fn label(&mut self, label: String, sql: &mut String) {
        let place = self.value(Value::Text(label));
        let _ = write!(sql, " and i.id in (select image_id from image_labels where label = {place})");
    }

    /// `a > x and (a <> x or (b > y and (b <> y or …)))` with the leading comparison loose, so an index can start there.
    fn after(&mut self, order: &[(SortKey, Direction)], image: &Image, sql: &mut String) {
        let Some(((key, direction), rest)) = order.split_first() else { return };
        let expression = sort_expression(*key);
        let place = self.value(sort_value(*key, image));
        let sign = if *direction == Direction::Ascending { ">" } else { "<" };
        if rest.is_empty() {
            let _ = write!(sql, "{expression} {sign} {place}");
            return;
        }
        let _ = write!(sql, "({expression} {sign}= {place} and ({expression} {sign} {place} or ");
        self.after(rest, image, sql);
        sql.push_str("))");
    }
}

/// One part of what a viewer sees; no image is in two parts of one page.
enum Branch {
    All,
    AllOf(Visibility),
    Own,
    OwnOf(Visibility),
    OthersOf(Visibility),
    SharedWith,
}

fn branches(page: &ImagePage) -> Vec<Branch> {
    if page.viewer.is_none() {
        return match page.visibility {
            Some(PageVisibility::Only(visibility)) => vec![Branch::AllOf(visibility)],
            _ => vec![Branch::All],
        };
    }
    let mut branches = match page.visibility {
        None => vec![Branch::Own, Branch::OthersOf(Visibility::Public), Branch::SharedWith],
        Some(PageVisibility::All) => vec![
            Branch::Own,
            Branch::OthersOf(Visibility::Public),
            Branch::SharedWith,
            Branch::OthersOf(Visibility::Community),
        ],
        Some(PageVisibility::Only(Visibility::Private)) => vec![Branch::OwnOf(Visibility::Private)],
        Some(PageVisibility::Only(Visibility::Shared)) => vec![Branch::OwnOf(Visibility::Shared), Branch::SharedWith],
        Some(PageVisibility::Only(open)) => vec![Branch::AllOf(open)],
    };
    branches.retain(|branch| page.with_shared || !matches!(branch, Branch::SharedWith));
    branches
}

/// Creation and id, in the direction of the first key, make any order total.
fn total_order(order: &[(SortKey, Direction)]) -> Vec<(SortKey, Direction)> {
    let direction = order.first().map_or(Direction::Descending, |(_, direction)| *direction);
    let mut total = order.to_vec();
    for key in [SortKey::CreatedMs, SortKey::Id] {
        if !total.iter().any(|(had, _)| *had == key) {
            total.push((key, direction));
        }
    }
    // Whatever follows the id orders nothing.
    if let Some(at) = total.iter().position(|(key, _)| *key == SortKey::Id) {
        total.truncate(at + 1);
    }
    total
}

fn order_by(order: &[(SortKey, Direction)]) -> String {
    let terms = order.iter().map(|(key, direction)| {
        let direction = if *direction == Direction::Ascending { "asc" } else { "desc" };
        format!("{} {direction}", sort_expression(*key))
    });
    terms.collect::<Vec<_>>().join(", ")
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
        SortKey::Status => Value::Text(image.status.word().into()),
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
    }
}

fn number_column(column: NumberColumn) -> &'static str {
    match column {
        NumberColumn::Hidden => "i.hidden",
        NumberColumn::Protected => "i.protected",
        NumberColumn::SizeBytes => "i.size_bytes",
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
