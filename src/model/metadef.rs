//! Metadata definitions.

use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::UnknownWord;
use crate::ids::ProjectId;

/// A namespace of definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its name, which identifies it.
    pub name: String,
    /// The name that people see.
    pub display_name: Option<String>,
    pub description: Option<String>,
    /// Whether everybody sees it, or only its project.
    pub is_public: bool,
    /// Cannot be deleted while this is set.
    pub protected: bool,
    pub owner: ProjectId,
    pub created_ms: i64,
    pub updated_ms: i64,
}

/// The contents of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "snake_case", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<Kind>)]
pub enum Kind {
    /// A group of properties.
    Object,
    /// A property's JSON schema.
    Property,
    /// A resource type that the namespace is about.
    ResourceType,
    /// A word.
    Tag,
}

/// Something in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub kind: Kind,
    pub name: String,
    /// All the rest, as a JSON object.
    pub body: String,
    pub created_ms: i64,
    pub updated_ms: i64,
}

/// A resource type that definitions are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceType {
    pub name: String,
    pub created_ms: i64,
    pub updated_ms: i64,
}
