//! Metadata definitions: what the properties of images, flavors and the like are called, and what they may say.
//!
//! They are not enforced: clients and consoles read them to offer choices. A *namespace* holds *objects* (groups of
//! properties), *properties* (JSON schemas), *tags*, and the *resource types* it is about, each with the prefix that its
//! properties have there. A public namespace is everybody's to see, a private one its project's; admins write.
//!
//! The usual ones are there from the first start on ([`seed`]).

mod check;
mod seed;

use serde_json::{Map, Value};
use strum::VariantArray as _;

use crate::{
    db::{Database, now_ms},
    error::{Error, Result},
    identity::{Caller, image_policy, policy},
    model::Step,
};

pub use crate::model::metadef::{Item, Kind, Namespace, ResourceType};

/// The most namespaces that can exist: a list reads all of them.
const MAX_NAMESPACES: usize = 1000;
/// Items of one kind in a namespace at most, for the same reason.
const MAX_ITEMS: usize = 1000;

/// Metadata definitions, open. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metadefs {
    db: Database,
}

impl Metadefs {
    /// Opens the part; the usual definitions are there afterwards, unless an admin has changed them since.
    pub async fn open(db: Database) -> Result<Metadefs> {
        let (types, namespaces) = seed::definitions()?;
        db.seed_metadefs(&types, &namespaces).await?;
        Ok(Metadefs { db })
    }

    /// Every namespace that the caller sees, with the resource types it is about.
    ///
    /// # Errors
    /// `Forbidden` for somebody without a role.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<(Namespace, Vec<Item>)>> {
        reads(caller)?;
        let mut types = self.db.metadef_types_by_namespace().await?;
        let all = self.db.metadef_namespaces().await?.into_iter().filter(|namespace| sees(caller, namespace));
        Ok(all
            .map(|namespace| {
                let types = types.remove(&namespace.name).unwrap_or_default();
                (namespace, types)
            })
            .collect())
    }

    /// A namespace with all that is in it.
    ///
    /// # Errors
    /// `NotFound` when there is none that the caller sees.
    pub async fn show(&self, caller: &Caller, name: &str) -> Result<(Namespace, Vec<Item>)> {
        let namespace = self.seen(caller, name).await?;
        let items = self.db.metadef_items(name, Kind::VARIANTS).await?;
        Ok((namespace, items))
    }

    /// Makes a namespace with its first definitions.
    ///
    /// # Errors
    /// `Forbidden` for all but admins; `Invalid`; `Conflict` for a name that is taken.
    pub async fn create(&self, caller: &Caller, body: Map<String, Value>) -> Result<(Namespace, Vec<Item>)> {
        writes(caller)?;
        let (namespace, mut items) = check::namespace(caller, body, now_ms())?;
        // In the order that they are shown in from now on.
        items.sort_by(|one, other| one.name.cmp(&other.name));
        if self.db.metadef_namespaces().await?.len() >= MAX_NAMESPACES {
            return Err(Error::TooLarge(format!("There can be at most {MAX_NAMESPACES} namespaces.")));
        }
        self.db.insert_metadef_namespace(&namespace, &items).await?;
        Ok((namespace, items))
    }

    /// Writes a namespace anew; what is in it stays.
    ///
    /// # Errors
    /// As [`Metadefs::create`]; `NotFound`.
    pub async fn update(&self, caller: &Caller, name: &str, body: Map<String, Value>) -> Result<Namespace> {
        let before = self.changeable(caller, name).await?;
        let (mut namespace, _) = check::namespace(caller, body, now_ms())?;
        namespace.created_ms = before.created_ms;
        match self.db.update_metadef_namespace(name, &namespace).await? {
            Step::Done => Ok(namespace),
            Step::Lost => Err(not_found(name)),
        }
    }

    /// Deletes a namespace and all that is in it.
    ///
    /// # Errors
    /// `Forbidden` for all but admins, and while it is protected.
    pub async fn delete(&self, caller: &Caller, name: &str) -> Result<()> {
        self.changeable(caller, name).await?;
        match self.db.delete_metadef_namespace(name).await? {
            Step::Done => Ok(()),
            Step::Lost => Err(Error::Forbidden(format!(
                "Metadata definition namespace {name} is protected and cannot be deleted: set protected to false first."
            ))),
        }
    }

    /// The definitions of one kind in a namespace.
    ///
    /// # Errors
    /// `NotFound` when there is no namespace that the caller sees.
    pub async fn items(&self, caller: &Caller, namespace: &str, kind: Kind) -> Result<Vec<Item>> {
        self.seen(caller, namespace).await?;
        self.db.metadef_items(namespace, &[kind]).await
    }

    /// One thing in a namespace.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn item(&self, caller: &Caller, namespace: &str, kind: Kind, name: &str) -> Result<Item> {
        let items = self.items(caller, namespace, kind).await?;
        items.into_iter().find(|item| item.name == name).ok_or_else(|| no_such(kind, name))
    }

    /// A property by the name it has on a resource type: with that type's prefix.
    ///
    /// # Errors
    /// `NotFound`, also for a name without the prefix.
    pub async fn property_on(&self, caller: &Caller, namespace: &str, name: &str, on: &str) -> Result<Item> {
        let of = self.item(caller, namespace, Kind::ResourceType, on).await?;
        let prefix = prefix_of(&of);
        let bare = name.strip_prefix(prefix.as_str()).filter(|_| !prefix.is_empty());
        let bare = bare.ok_or_else(|| no_such(Kind::Property, name))?;
        self.item(caller, namespace, Kind::Property, bare).await
    }

    /// Adds to a namespace.
    ///
    /// # Errors
    /// `Forbidden` for all but admins; `Invalid`; `Conflict` for a name that is taken.
    pub async fn add(&self, caller: &Caller, namespace: &str, kind: Kind, body: Map<String, Value>) -> Result<Item> {
        self.changeable(caller, namespace).await?;
        let item = check::item(kind, body, now_ms())?;
        self.check_room(namespace, kind, 1).await?;
        self.db.add_metadef_items(namespace, std::slice::from_ref(&item)).await?;
        Ok(item)
    }

    /// Writes something in a namespace anew.
    ///
    /// # Errors
    /// As [`Metadefs::add`]; `NotFound`.
    pub async fn change(
        &self,
        caller: &Caller,
        namespace: &str,
        kind: Kind,
        name: &str,
        body: Map<String, Value>,
    ) -> Result<Item> {
        self.changeable(caller, namespace).await?;
        let before = self.item(caller, namespace, kind, name).await?;
        let mut item = check::item(kind, body, now_ms())?;
        item.created_ms = before.created_ms;
        match self.db.update_metadef_item(namespace, name, &item).await? {
            Step::Done => Ok(item),
            Step::Lost => Err(no_such(kind, name)),
        }
    }

    /// Deletes something from a namespace.
    ///
    /// # Errors
    /// `Forbidden` for all but admins; `NotFound`.
    pub async fn remove(&self, caller: &Caller, namespace: &str, kind: Kind, name: &str) -> Result<()> {
        self.changeable(caller, namespace).await?;
        match self.db.delete_metadef_item(namespace, kind, name).await? {
            Step::Done => Ok(()),
            Step::Lost => Err(no_such(kind, name)),
        }
    }

    /// Deletes everything of one kind from a namespace.
    ///
    /// # Errors
    /// `Forbidden` for all but admins.
    pub async fn clear(&self, caller: &Caller, namespace: &str, kind: Kind) -> Result<()> {
        self.changeable(caller, namespace).await?;
        self.db.clear_metadef_items(namespace, kind).await
    }

    /// Puts these tags in the place of all.
    ///
    /// # Errors
    /// As [`Metadefs::add`].
    pub async fn replace_tags(
        &self,
        caller: &Caller,
        namespace: &str,
        tags: Vec<Map<String, Value>>,
    ) -> Result<Vec<Item>> {
        self.changeable(caller, namespace).await?;
        let tags = check::items(Kind::Tag, tags, now_ms())?;
        if tags.len() > MAX_ITEMS {
            return Err(too_many(Kind::Tag));
        }
        self.db.replace_metadef_items(namespace, Kind::Tag, &tags).await?;
        Ok(tags)
    }

    /// Adds these tags.
    ///
    /// # Errors
    /// As [`Metadefs::add`].
    pub async fn append_tags(
        &self,
        caller: &Caller,
        namespace: &str,
        tags: Vec<Map<String, Value>>,
    ) -> Result<Vec<Item>> {
        self.changeable(caller, namespace).await?;
        let tags = check::items(Kind::Tag, tags, now_ms())?;
        self.check_room(namespace, Kind::Tag, tags.len()).await?;
        self.db.add_metadef_items(namespace, &tags).await?;
        Ok(tags)
    }

    /// Every resource type that was ever named.
    ///
    /// # Errors
    /// `Forbidden` for somebody without a role.
    pub async fn resource_types(&self, caller: &Caller) -> Result<Vec<ResourceType>> {
        reads(caller)?;
        self.db.metadef_resource_types().await
    }

    async fn seen(&self, caller: &Caller, name: &str) -> Result<Namespace> {
        reads(caller)?;
        let found = self.db.metadef_namespace(name).await?;
        found.filter(|namespace| sees(caller, namespace)).ok_or_else(|| not_found(name))
    }

    async fn changeable(&self, caller: &Caller, name: &str) -> Result<Namespace> {
        let namespace = self.seen(caller, name).await?;
        writes(caller)?;
        Ok(namespace)
    }

    async fn check_room(&self, namespace: &str, kind: Kind, more: usize) -> Result<()> {
        let there = self.db.metadef_items(namespace, &[kind]).await?.len();
        if there + more > MAX_ITEMS { Err(too_many(kind)) } else { Ok(()) }
    }
}

/// The prefix that properties have on a resource type; empty when they have none.
pub fn prefix_of(resource_type: &Item) -> String {
    let body: Value = serde_json::from_str(&resource_type.body).unwrap_or_default();
    body["prefix"].as_str().unwrap_or_default().to_owned()
}

fn reads(caller: &Caller) -> Result<()> {
    image_policy::list_images(caller)
        .or(|| "You have no role in this project that reads metadata definitions.".into(), || "No such project.".into())
}

fn writes(caller: &Caller) -> Result<()> {
    policy::administer(caller, "change metadata definitions")
}

fn sees(caller: &Caller, namespace: &Namespace) -> bool {
    image_policy::metadef_namespace(caller, namespace.is_public, namespace.owner)
}

/// Glance's words: the same for an unknown name and for one that the caller may not see.
fn not_found(name: &str) -> Error {
    let shown: String = name.chars().take(80).collect();
    Error::NotFound(format!("Metadata definition namespace={shown} was not found."))
}

fn no_such(kind: Kind, name: &str) -> Error {
    let shown: String = name.chars().take(80).collect();
    Error::NotFound(format!("There is no {} '{shown}' in this namespace.", kind.into_str().replace('_', " ")))
}

fn too_many(kind: Kind) -> Error {
    Error::TooLarge(format!(
        "A namespace has {MAX_ITEMS} of each kind at most; there is no room for another {}.",
        kind.into_str()
    ))
}
