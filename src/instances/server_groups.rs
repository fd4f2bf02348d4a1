//! Server groups: instances that are to be together on a host, or apart. There is one host here: together always holds,
//! and apart holds for as many as the group lets be on one host.

use crate::{
    db::{Database, now_ms},
    error::{Error, Result},
    identity::{Caller, policy},
    ids::{ProjectId, ServerGroupId},
};

pub use crate::model::server_group::{FullServerGroup, GroupPolicy, ServerGroup};

/// The most server groups of a project.
pub const MAX_GROUPS: u64 = 100;

/// A server group as it is asked for.
pub struct NewServerGroup {
    pub name: String,
    pub policy: GroupPolicy,
    /// As in [`ServerGroup`].
    pub on_a_host: Option<i64>,
}

/// The server groups of every project. Cheap to clone.
#[derive(Clone)]
pub struct ServerGroups(Database);

impl ServerGroups {
    /// Opens them.
    pub fn new(db: Database) -> ServerGroups {
        ServerGroups(db)
    }

    /// A page of the caller's project's, or of all projects' to the admin, by age.
    ///
    /// # Errors
    /// `Forbidden` for all projects, but to the admin.
    pub async fn list(
        &self,
        caller: &Caller,
        all_projects: bool,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<FullServerGroup>> {
        self.0.server_groups(policy::list_instances(caller, all_projects)?, offset, limit).await
    }

    /// One of the caller's project's; any to the admin.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn show(&self, caller: &Caller, id: ServerGroupId) -> Result<FullServerGroup> {
        let found = self.0.server_group(id).await?;
        let seen = found.filter(|found| policy::sees_instances(caller, found.group.project_id));
        seen.ok_or_else(|| no_such_group(id))
    }

    /// How many a project has.
    ///
    /// # Errors
    /// `Unavailable` when the database is out of reach.
    pub async fn count(&self, project: ProjectId) -> Result<u64> {
        self.0.count_server_groups(project).await
    }

    /// Makes one in the caller's project.
    ///
    /// # Errors
    /// `Forbidden` for readers; `OverQuota`.
    pub async fn create(&self, caller: &Caller, wanted: NewServerGroup) -> Result<FullServerGroup> {
        let project_id = policy::create_instance(caller)?;
        let NewServerGroup { name, policy, on_a_host } = wanted;
        let (id, user_id) = (ServerGroupId::new(), caller.user.id);
        let group = ServerGroup { id, project_id, user_id, name, policy, on_a_host, created_ms: now_ms() };
        self.0.add_server_group(&group, MAX_GROUPS).await?;
        Ok(FullServerGroup { group, members: Vec::new() })
    }

    /// Deletes one; its members stay as they are.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for readers.
    pub async fn delete(&self, caller: &Caller, id: ServerGroupId) -> Result<()> {
        self.show(caller, id).await?;
        if !caller.is_admin() {
            policy::create_instance(caller)?;
        }
        if self.0.delete_server_group(id).await? { Ok(()) } else { Err(no_such_group(id)) }
    }
}

fn no_such_group(id: ServerGroupId) -> Error {
    Error::NotFound(format!("Instance group {id} could not be found."))
}
