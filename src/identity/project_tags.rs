//! The tags of projects.

use std::collections::BTreeSet;

use super::{Caller, Identity, options::check_mutable, policy, projects::checked_tags};
use crate::error::{Error, Result};

impl Identity {
    /// The tags of a project, sorted.
    pub async fn project_tags(&self, caller: &Caller, id: &str) -> Result<BTreeSet<String>> {
        self.project(caller, id).await?.tags.read()
    }

    /// Whether a project has a tag; `NotFound` when it has not.
    pub async fn check_project_tag(&self, caller: &Caller, id: &str, tag: &str) -> Result<()> {
        let tags = self.project_tags(caller, id).await?;
        tags.contains(tag).then_some(()).ok_or_else(|| no_such_tag(tag))
    }

    /// Gives a project these tags and no others.
    pub async fn set_project_tags(&self, caller: &Caller, id: &str, tags: Vec<String>) -> Result<BTreeSet<String>> {
        policy::administer(caller, "change projects")?;
        self.replace_tags(id, |_| Ok(tags.into_iter().collect())).await
    }

    /// Adds a tag to a project; one it has stays.
    pub async fn add_project_tag(&self, caller: &Caller, id: &str, tag: &str) -> Result<()> {
        policy::administer(caller, "change projects")?;
        let add = |mut tags: BTreeSet<String>| {
            tags.insert(tag.to_owned());
            Ok(tags)
        };
        self.replace_tags(id, add).await.map(drop)
    }

    /// Takes a tag from a project.
    pub async fn remove_project_tag(&self, caller: &Caller, id: &str, tag: &str) -> Result<()> {
        policy::administer(caller, "change projects")?;
        let remove = |mut tags: BTreeSet<String>| {
            let had = tags.remove(tag);
            had.then_some(tags).ok_or_else(|| no_such_tag(tag))
        };
        self.replace_tags(id, remove).await.map(drop)
    }

    async fn replace_tags(
        &self,
        id: &str,
        change: impl FnOnce(BTreeSet<String>) -> Result<BTreeSet<String>>,
    ) -> Result<BTreeSet<String>> {
        let mut project = self.some_project(id).await?;
        check_mutable(&project.options)?;
        let tags = change(project.tags.read()?)?;
        project.tags = checked_tags(&tags)?;
        self.db.update_project(&project).await?;
        Ok(tags)
    }
}

fn no_such_tag(tag: &str) -> Error {
    Error::NotFound(format!("Could not find project tag: {tag}."))
}
