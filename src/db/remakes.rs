//! Instances made anew in their place: rebuilt from another image, or resized.

use super::{
    Database, Write,
    columns::Json,
    instances::{MEMORY_BESIDES, USAGE, encoded, locked_row, take_turn, write_state_with},
    quotas,
    statement::sql,
};
use crate::{
    error::{Error, Result},
    ids::InstanceId,
    model::{
        action::{ActionRow, History},
        instance::{FirstBoot, InstanceRow, InstanceState, Usage},
    },
};

impl Database {
    /// Makes another of an instance: its make, its labels, its state and the data of its first boot, in one transaction with
    /// the beginning of `action`. `remake` gets the row as it stands, and the data of its first boot, and
    /// leaves both as they shall be; `has_memory` gets the new row, and the memory in MiB that all other instances use that
    /// run. `old` is the state as its driver knows it.
    ///
    /// # Errors
    /// Those of both; `OverQuota` where the project has no room for that by which it grows; `NotFound`; `Conflict` when
    /// somebody else has written the row.
    pub async fn remake_instance(
        &self,
        id: InstanceId,
        old: &InstanceState,
        quota: Usage,
        action: &ActionRow,
        remake: impl FnOnce(&mut InstanceRow, &mut FirstBoot) -> Result<()>,
        has_memory: impl FnOnce(&InstanceRow, u64) -> Result<()>,
    ) -> Result<InstanceRow> {
        let mut first_boot = self.first_boot(id).await?;
        let project = self.instance(id).await?.map(|row| row.project_id).ok_or_else(|| gone(id))?;
        let mut write = self.write().await?;
        // As a launch does, and in its order.
        take_turn(&mut write, "host").await?;
        take_turn(&mut write, &format!("project {project}")).await?;
        let before = locked_row(&mut write, id).await?.ok_or_else(|| gone(id))?;
        let mut row = before.clone();
        remake(&mut row, &mut first_boot)?;
        fits(&mut write, &before, &row, quota).await?;
        let others: i64 = sqlx::query_scalar(MEMORY_BESIDES).bind(id).fetch_one(&mut *write).await?;
        has_memory(&row, others as u64)?;
        write_make(&mut write, &row, &first_boot).await?;
        write_state_with(&mut write, id, old, &row.state, History::Begins(action)).await?;
        write.commit().await?;
        Ok(row)
    }
}

fn gone(id: InstanceId) -> Error {
    Error::NotFound(format!("Instance {id} could not be found."))
}

/// Whether the project's quota has room for what the instance takes more than before.
async fn fits(write: &mut Write, before: &InstanceRow, after: &InstanceRow, quota: Usage) -> Result<()> {
    let row = sqlx::query(USAGE).bind(before.project_id.to_string()).fetch_one(&mut **write).await?;
    let used = <Usage as sqlx::FromRow<_>>::from_row(&row)?;
    let quota = quotas::own(write, &before.project_id).await?.of_instances(quota);
    let of =
        |row: &InstanceRow| (u64::from(row.make.vcpus), row.make.memory_mib, row.make.disk_bytes.div_ceil(1 << 30));
    let ((vcpus, memory, disk), (new_vcpus, new_memory, new_disk)) = (of(before), of(after));
    for (word, limit, used, old, new) in [
        ("cores", quota.vcpus, used.vcpus, vcpus, new_vcpus),
        ("ram", quota.memory_mib, used.memory_mib, memory, new_memory),
        ("disk", quota.disk_gib, used.disk_gib, disk, new_disk),
    ] {
        let more = new.saturating_sub(old);
        if more > 0 && used.saturating_add(more) > limit {
            return Err(Error::OverQuota(format!(
                "Quota exceeded for {word}: Requested {more}, but already used {used} of {limit} {word}"
            )));
        }
    }
    Ok(())
}

async fn write_make(write: &mut Write, row: &InstanceRow, first_boot: &FirstBoot) -> Result<()> {
    let make = &row.make;
    let (user_data, files) = encoded(first_boot);
    sql!(
        "update instances set name = $2, description = $3, hostname = $4, metadata = $5, image_id = $6, image_name = $7, \
         hardware = $8, inherited = $9, machine = $10, base_root = $11, base_store = $12, base_bytes = $13, \
         disk_bytes = $14, flavor = $15, vcpus = $16, memory_mib = $17, key_name = $18, public_key = $19, \
         user_data = $20, files = $21, access_ipv4 = $22, access_ipv6 = $23 where id = $1",
        row.id,
        &row.name,
        &row.description,
        &row.hostname,
        Json(&row.metadata),
        make.image,
        &make.image_name,
        Json(&make.hardware),
        Json(&make.inherited),
        make.machine.as_ref().map(Json),
        &make.base_root,
        &make.base_store,
        make.base_bytes as i64,
        make.disk_bytes as i64,
        Json(&make.flavor),
        i64::from(make.vcpus),
        make.memory_mib as i64,
        &make.key_name,
        &make.public_key,
        &user_data,
        files,
        row.access.v4.map(|address| address.to_string()),
        row.access.v6.map(|address| address.to_string())
    )
    .run(write)
    .await
    .map(drop)
}
