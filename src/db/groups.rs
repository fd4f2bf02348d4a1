//! Groups and their members.

use super::{
    Database, Write,
    columns::from_row,
    statement::{at_most, sql},
};
use crate::{
    error::Result,
    model::people::{Group, Groups},
};

impl Database {
    /// One group by its id.
    pub(crate) async fn group(&self, id: &str) -> Result<Option<Group>> {
        sql!("select id, domain_id, name, description, extra from user_groups where id = $1", id).row(self).await
    }

    /// Groups in the order of their names.
    pub(crate) async fn groups(&self, wanted: &Groups<'_>) -> Result<Vec<Group>> {
        let passes = |group: &Group| wanted.parts.iter().all(|part| part.is_in(&group.name));
        sql!(
            "select g.id, g.domain_id, g.name, g.description, g.extra from user_groups g
              where (cast($1 as text) is null or g.domain_id = $1) and (cast($2 as text) is null or g.name = $2)
                and (cast($3 as text) is null or g.id in (select group_id from group_members where user_id = $3))
                and (cast($4 as text) is null or
                     (g.name, g.id) > (select m.name, m.id from user_groups m where m.id = $4))
              order by g.name, g.id limit $5",
            wanted.domain_id,
            wanted.name,
            wanted.user_id,
            wanted.marker,
            at_most(wanted.limit, !wanted.parts.is_empty())
        )
        .first(self, wanted.limit, passes)
        .await
    }

    /// Keeps a new group; false when its name is taken in its domain.
    pub(crate) async fn insert_group(&self, group: &Group) -> Result<bool> {
        sql!(
            "insert into user_groups (id, domain_id, name, description, extra) values ($1, $2, $3, $4, $5)
             on conflict do nothing",
            &group.id,
            &group.domain_id,
            &group.name,
            &group.description,
            &group.extra
        )
        .commit(self)
        .await
        .map(|rows| rows == 1)
    }

    /// Changes a group. `None` when the name is taken, false when the group is gone.
    pub(crate) async fn update_group(&self, group: &Group) -> Result<Option<bool>> {
        let mut write = self.write().await?;
        let changed = sql!(
            "update user_groups set name = $2, description = $3, extra = $4 where id = $1",
            &group.id,
            &group.name,
            &group.description,
            &group.extra
        )
        .run_unless_taken(&mut write)
        .await?;
        let Some(changed) = changed else { return Ok(None) };
        write.commit().await?;
        Ok(Some(changed == 1))
    }

    /// Deletes a group with its grants, and ends its members' tokens where it held roles; false when it is gone.
    pub(crate) async fn delete_group(&self, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let text =
            "delete from tokens where user_id in (select user_id from group_members where group_id = $1) and exists
               (select 1 from grants g where g.actor_kind = 'group' and g.actor_id = $1
                   and g.target_kind = tokens.scope_kind and g.target_id = tokens.scope_id)";
        sql!(text, id).run(&mut write).await?;
        sql!("delete from grants where actor_kind = 'group' and actor_id = $1", id).run(&mut write).await?;
        let gone = sql!("delete from user_groups where id = $1", id).run(&mut write).await?;
        write.commit().await?;
        Ok(gone == 1)
    }

    /// The ids of a group's members.
    pub(crate) async fn group_member_ids(&self, group_id: &str) -> Result<Vec<String>> {
        sql!("select user_id from group_members where group_id = $1 order by user_id", group_id).column(self).await
    }

    /// Puts a user into a group; doing it again changes nothing.
    pub(crate) async fn insert_group_member(&self, group_id: &str, user_id: &str) -> Result<()> {
        let text = "insert into group_members (group_id, user_id) values ($1, $2) on conflict do nothing";
        sql!(text, group_id, user_id).commit(self).await.map(drop)
    }

    /// Takes a user out of a group, and ends its tokens where the group holds roles; false when it was not in it.
    pub(crate) async fn delete_group_member(&self, group_id: &str, user_id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let text = "delete from group_members where group_id = $1 and user_id = $2";
        let gone = sql!(text, group_id, user_id).run(&mut write).await?;
        end_tokens(&mut write, group_id, user_id).await?;
        write.commit().await?;
        Ok(gone == 1)
    }
}

async fn end_tokens(write: &mut Write, group_id: &str, user_id: &str) -> Result<()> {
    let text = "delete from tokens where user_id = $2 and exists
           (select 1 from grants g where g.actor_kind = 'group' and g.actor_id = $1
               and g.target_kind = tokens.scope_kind and g.target_id = tokens.scope_id)";
    sql!(text, group_id, user_id).run(write).await.map(drop)
}

from_row!(Group { id, domain_id, name, description, extra });
