//! Pages of images, each one statement.
//!
//! What a project sees is the union of disjoint branches (its own, public, shared with it, community). Each branch
//! walks an index in the page's order and stops at the page's length, so a page costs the same however many images
//! there are; the outer statement merges at most four pages of ids into one page of images.

use std::fmt::Write as _;

use sqlx::{Any, AssertSqlSafe, Row as _, query::Query};

use super::{
    Database,
    images::{COLUMNS, property_label, tag_label},
};
use crate::{
    error::Result,
    ids::ProjectId,
    model::{
        image::{Image, Visibility},
        member::MemberStatus,
    },
};

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
    /// What people tell images apart by, seen from the viewer's project.
    Kind(Kind),
}

/// The three kinds of image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Supplied by the provider.
    Public,
    /// Made in the viewer's project, also those it has shared.
    Private,
    /// Shared with the viewer's project by another.
    Shared,
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
    /// The name contains this, in whatever case.
    NameContains(String),
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

/// A tag or property that so few images have is answered from its label; one that more have is looked for along the
/// page's order, where it is found soon.
const FEW: usize = 200;

impl Database {
    /// How many images there are on all such pages.
    pub async fn count_images(&self, page: &ImagePage) -> Result<i64> {
        let statement = Statement::counting(page);
        let mut query = sqlx::query(AssertSqlSafe(statement.sql));
        for value in statement.values {
            query = value.bind(query);
        }
        query.fetch_all(self.reads()).await?.iter().map(|row| Ok(row.try_get::<i64, _>(0)?)).sum()
    }

    /// One page of images.
    pub async fn image_page(&self, page: &ImagePage) -> Result<Vec<Image>> {
        let mut page = page.clone();
        for condition in &mut page.conditions {
            if let Some(label) = condition.label()
                && let Some(ids) = self.labelled(label).await?
            {
                if ids.is_empty() {
                    return Ok(Vec::new());
                }
                *condition = Condition::TextIn(TextColumn::Id, ids);
            }
        }
        let statement = Statement::of(&page);
        let mut query = sqlx::query(AssertSqlSafe(statement.sql));
        for value in statement.values {
            query = value.bind(query);
        }
        query.fetch_all(self.reads()).await?.iter().map(Image::of).collect()
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
            Condition::TextIn(..) | Condition::Number(..) | Condition::NameContains(_) => None,
        }
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
        let order_by = order_by(&order);
        // The conditions' values are bound once, whichever branches use them.
        let images = statement.choose_ids(page);
        let mut rest = String::from(" and i.status <> 'deleted'");
        for condition in page.conditions.iter().filter(|condition| !is_of_ids(condition)) {
            statement.condition(condition, &mut rest);
        }
        if let Some(after) = &page.after {
            rest.push_str(" and ");
            statement.after(&order, after, &mut rest);
        }
        let limit = statement.value(Value::Number(i64::from(page.limit)));
        let branches = branches(page);
        if let [only] = branches.as_slice() {
            let (from, when) = statement.branch(only, page, images);
            let sql = format!("select {COLUMNS} from {from} where {when}{rest} order by {order_by} limit {limit}");
            statement.sql.push_str(&sql);
            return statement;
        }
        // Ids first, a page of them from each branch; the wide rows only of those that make the page.
        let _ = write!(statement.sql, "select {COLUMNS} from images i where i.id in (select id from (");
        for (n, branch) in branches.iter().enumerate() {
            let (from, when) = statement.branch(branch, page, images);
            let union = if n > 0 { " union all " } else { "" };
            let _ = write!(
                statement.sql,
                "{union}select id from (select i.id from {from} where {when}{rest} order by {order_by} limit {limit}) as b{n}"
            );
        }
        let _ = write!(statement.sql, ") as seen) order by {order_by} limit {limit}");
        statement
    }

    /// Which table the branches look in: all images, or first of all those of the ids that were asked for, which no
    /// planner then walks all of a project's images for.
    fn choose_ids(&mut self, page: &ImagePage) -> &'static str {
        let mut chosen = String::new();
        for condition in page.conditions.iter().filter(|condition| is_of_ids(condition)) {
            self.condition(condition, &mut chosen);
        }
        if chosen.is_empty() {
            return "images";
        }
        let _ = write!(self.sql, "with chosen as materialized (select i.* from images i where 1 = 1{chosen}) ");
        "chosen"
    }

    /// Each branch's count, a row each.
    fn counting(page: &ImagePage) -> Statement {
        let mut statement = Statement::default();
        let mut rest = String::from(" and i.status <> 'deleted'");
        for condition in &page.conditions {
            statement.condition(condition, &mut rest);
        }
        for (n, branch) in branches(page).iter().enumerate() {
            let union = if n > 0 { " union all " } else { "" };
            let (from, when) = statement.branch(branch, page, "images");
            let _ = write!(statement.sql, "{union}select count(*) from {from} where {when}{rest}");
        }
        statement
    }

    /// Takes a value and returns its placeholder.
    fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn branch(&mut self, branch: &Branch, page: &ImagePage, images: &str) -> (String, String) {
        let own = page.viewer.map(|project| project.to_string()).unwrap_or_default();
        let mut project = || self.value(Value::Text(own.clone()));
        let when = match branch {
            Branch::All => "1 = 1".into(),
            Branch::AllOf(visibility) if page.viewer.is_none() => format!("i.visibility = '{visibility}'"),
            // What is declared public and held back is its project's alone.
            Branch::AllOf(visibility) => {
                format!("i.visibility = '{visibility}' and (i.public_hold is null or i.owner = {})", project())
            }
            Branch::Own => format!("i.owner = {}", project()),
            Branch::OwnOf(visibility) => format!("i.owner = {} and i.visibility = '{visibility}'", project()),
            Branch::OthersOf(visibility) => {
                format!("i.visibility = '{visibility}' and i.public_hold is null and i.owner <> {}", project())
            }
            Branch::SharedWith => {
                let project = project();
                let status = match page.membership {
                    Some(status) => format!("m.status = '{status}'"),
                    None => "m.status <> 'rejected'".into(),
                };
                let when = format!(
                    "m.project_id = {project} and {status} and i.id = m.image_id \
                     and i.visibility = 'shared' and i.owner <> {project}"
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
            Condition::Number(column, comparison, number) => {
                let place = self.value(Value::Number(*number));
                let _ = write!(sql, " and {} {} {place}", number_column(*column), sign(*comparison));
            }
            Condition::Tag(tag) => self.label(tag_label(tag), sql),
            Condition::Property(name, value) => self.label(property_label(name, value), sql),
            Condition::NameContains(text) => {
                let place = self.value(Value::Text(containing(text)));
                let _ = write!(sql, " and lower(coalesce(i.name, '')) like {place} escape '!'");
            }
        }
    }

    fn label(&mut self, label: String, sql: &mut String) {
        let place = self.value(Value::Text(label));
        let _ = write!(sql, " and exists (select 1 from image_labels l where l.label = {place} and l.image_id = i.id)");
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

fn is_of_ids(condition: &Condition) -> bool {
    matches!(condition, Condition::TextIn(TextColumn::Id, _))
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
        Some(PageVisibility::Kind(Kind::Public)) => vec![Branch::AllOf(Visibility::Public)],
        Some(PageVisibility::Kind(Kind::Private)) => vec![
            Branch::OwnOf(Visibility::Private),
            Branch::OwnOf(Visibility::Shared),
            Branch::OwnOf(Visibility::Community),
        ],
        Some(PageVisibility::Kind(Kind::Shared)) => vec![Branch::SharedWith],
    };
    branches.retain(|branch| page.with_shared || !matches!(branch, Branch::SharedWith));
    branches
}

/// The pattern of `like` for what contains this text, whatever signs of patterns are in it.
fn containing(text: &str) -> String {
    let plain = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{plain}%")
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
