//! The rows of instances.
//!
//! A row's state ([`InstanceState`]) is written only by the instance's driver, by compare-and-set; names, labels
//! and descriptions are written for their owner and never touch the state.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sqlx::{FromRow, Row as _, any::AnyRow};

use super::{
    Database, Write,
    columns::{Json, count, from_row, json},
    instance_actions::{finish_actions, insert_action},
    now_ms, quotas, server_groups, shares,
    statement::sql,
};
use crate::{
    error::{Error, Result},
    ids::{InstanceId, ProjectId},
    model::{
        action::{ActionRow, History},
        instance::{
            Access, Fault, FirstBoot, GuestFile, InstanceMake, InstanceRow, InstanceState, Reservation, StateChange,
            Usage,
        },
    },
};

pub(super) const COLUMNS: &str = "id, project_id, user_id, name, description, hostname, status, task, fault_code, fault_message, \
    fault_ms, image_id, image_name, hardware, inherited, base_root, base_store, base_bytes, disk_bytes, flavor, vcpus, \
    memory_mib, key_name, public_key, metadata, tags, mac, forwards, launch_index, reservation_id, number, \
    accel, capture_image, created_ms, updated_ms, launched_ms, terminated_ms, locked, machine, server_group, \
    resized_from, access_ipv4, access_ipv6, rescue, shelved";

impl Database {
    /// Makes instances, as many as the quota and the host have room for between `min` and `max`, with their first
    /// actions. `make` is called for each with its index and its number.
    ///
    /// # Errors
    /// `OverQuota` or `Conflict` when not even `min` fit.
    pub async fn add_instances(
        &self,
        reservation: &Reservation,
        first_boot: &FirstBoot,
        mut make: impl FnMut(u32, u32) -> (InstanceRow, ActionRow),
    ) -> Result<Vec<(InstanceRow, ActionRow)>> {
        let mut write = self.write().await?;
        // Always in this order, so that two launches cannot wait for each other.
        take_turn(&mut write, "host").await?;
        take_turn(&mut write, &format!("project {}", reservation.project)).await?;
        let count = fitting(&mut write, reservation).await?;
        let count = in_group(&mut write, reservation, count).await?;
        let mut taken: Vec<i64> =
            sqlx::query_scalar("select number from instances where status <> 'DELETED'").fetch_all(&mut *write).await?;
        taken.sort_unstable();
        let mut free = (0i64..).filter(|n| taken.binary_search(n).is_err());
        let mut made = Vec::with_capacity(count as usize);
        for index in 0..count {
            let number = free.next().expect("integers do not end");
            let (row, action) = make(index, number as u32);
            insert(&mut write, &row, first_boot).await?;
            insert_action(&mut write, &action).await?;
            made.push((row, action));
        }
        if let Some(image) = made.first().map(|(row, _)| row.make.image) {
            shares::count_use(&mut write, image, reservation.project, made.len() as i64, 0).await?;
        }
        write.commit().await?;
        Ok(made)
    }

    /// One instance, deleted or not.
    pub async fn instance(&self, id: InstanceId) -> Result<Option<InstanceRow>> {
        let text = format!("select {COLUMNS} from instances where id = $1");
        sql!(sqlx::AssertSqlSafe(text), id).row(self).await
    }

    /// The data for the first boot of an instance; none once it is deleted.
    pub async fn first_boot(&self, id: InstanceId) -> Result<FirstBoot> {
        let found: Option<Kept> = sql!("select user_data, files from instances where id = $1", id).row(self).await?;
        Ok(found.map(|kept| kept.0).unwrap_or_default())
    }

    /// Writes a driver's new state where the old one still stands, and with it what that means for the history.
    ///
    /// # Errors
    /// `Conflict` when somebody else has written the row.
    pub async fn set_instance_state(
        &self,
        id: InstanceId,
        old: &InstanceState,
        new: &InstanceState,
        history: History<'_>,
    ) -> Result<()> {
        let mut write = self.write().await?;
        write_state_with(&mut write, id, old, new, history).await?;
        write.commit().await?;
        Ok(())
    }

    /// Writes what a driver has decided. User data often is a secret, and a deleted instance has no more use for it.
    ///
    /// # Errors
    /// `Conflict` when somebody else has written the row.
    pub async fn change_instance_state(&self, change: &StateChange) -> Result<()> {
        let mut write = self.write().await?;
        write_state(&mut write, change).await?;
        write.commit().await?;
        Ok(())
    }

    /// Changes the owner's part of a row, one change at a time; `None` when there is no such living instance.
    pub async fn change_instance(
        &self,
        id: InstanceId,
        change: impl FnOnce(&mut InstanceRow) -> Result<()>,
    ) -> Result<Option<InstanceRow>> {
        let mut write = self.write().await?;
        let Some(mut row) = locked_row(&mut write, id).await? else { return Ok(None) };
        change(&mut row)?;
        row.updated_ms = now_ms();
        sql!(
            "update instances set name = $2, description = $3, hostname = $4, metadata = $5, tags = $6, \
             updated_ms = $7, locked = $8, access_ipv4 = $9, access_ipv6 = $10 where id = $1",
            id,
            &row.name,
            &row.description,
            &row.hostname,
            Json(&row.metadata),
            Json(&row.tags),
            row.updated_ms,
            row.lock.as_ref().map(Json),
            row.access.v4.map(|address| address.to_string()),
            row.access.v6.map(|address| address.to_string())
        )
        .run(&mut write)
        .await?;
        write.commit().await?;
        Ok(Some(row))
    }

    /// The usage of a project's instances.
    pub async fn instance_usage(&self, project: ProjectId) -> Result<Usage> {
        let row = sqlx::query(USAGE).bind(project).fetch_one(self.reads()).await?;
        Ok(Usage::from_row(&row)?)
    }

    /// The usage of the running instances of all projects together.
    pub async fn running_usage(&self) -> Result<Usage> {
        Ok(Usage::from_row(&sqlx::query(RUNNING).fetch_one(self.reads()).await?)?)
    }

    /// Memory of the instances that run or are about to, without this one.
    pub async fn instance_memory_in_use(&self, besides: InstanceId) -> Result<u64> {
        let sum: i64 = sqlx::query_scalar(MEMORY_BESIDES).bind(besides).fetch_one(self.reads()).await?;
        Ok(sum as u64)
    }
}

/// The sums of the instances of which something holds.
macro_rules! usage_where {
    ($condition:expr) => {
        concat!(
            "select count(*) as instances, cast(coalesce(sum(vcpus), 0) as bigint) as vcpus, \
             cast(coalesce(sum(memory_mib), 0) as bigint) as memory_mib, \
             cast(coalesce(sum((disk_bytes + 1073741823) / 1073741824), 0) as bigint) as disk_gib from instances where ",
            $condition
        )
    };
}

/// The condition of those that run, or are about to. `runs` is the last word of [`ResizedFrom`](crate::model::instance).
macro_rules! running {
    () => {
        "(status in ('BUILD', 'ACTIVE', 'PAUSED', 'REBOOT', 'RESCUE') \
          or task in ('powering-on', 'rebuild_spawning', 'resuming', 'rescuing', 'unshelving') \
          or (status in ('RESIZE', 'VERIFY_RESIZE') and resized_from like '%\"runs\":true}'))"
    };
}

pub(super) const USAGE: &str = usage_where!("project_id = $1 and status <> 'DELETED'");
const RUNNING: &str = usage_where!(running!());
/// The memory of those that run, without one.
pub(super) const MEMORY_BESIDES: &str =
    concat!("select cast(coalesce(sum(memory_mib), 0) as bigint) from instances where id <> $1 and ", running!());

/// A living instance's row, which nobody else writes until the transaction ends.
pub(super) async fn locked_row(write: &mut Write, id: InstanceId) -> Result<Option<InstanceRow>> {
    // Touching the row first locks it on PostgreSQL; on SQLite the transaction already excludes other writers.
    let locked = sql!("update instances set id = id where id = $1 and status <> 'DELETED'", id).run(write).await?;
    if locked == 0 {
        return Ok(None);
    }
    let text = format!("select {COLUMNS} from instances where id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_one(&mut **write).await?;
    Ok(Some(InstanceRow::from_row(&row)?))
}

/// Writes what a driver has decided.
pub(super) async fn write_state(write: &mut Write, change: &StateChange) -> Result<()> {
    let history = match &change.ends {
        None => History::GoesOn,
        Some(failure) => History::Ends(failure.as_deref()),
    };
    write_state_with(write, change.id, &change.old, &change.new, history).await
}

pub(super) async fn write_state_with(
    write: &mut Write,
    id: InstanceId,
    old: &InstanceState,
    new: &InstanceState,
    history: History<'_>,
) -> Result<()> {
    let fault = new.fault.as_ref();
    let changed = sqlx::query(
        "update instances set status = $4, task = $5, fault_code = $6, fault_message = $7, fault_ms = $8, \
         accel = $9, forwards = $10, capture_image = $11, launched_ms = $12, terminated_ms = $13, \
         updated_ms = $14, user_data = case when $4 = 'DELETED' then null else user_data end, \
         files = case when $4 = 'DELETED' then null else files end, resized_from = $15, \
         rescue = $16, rescue_root = $17, rescue_store = $18, shelved = $19 \
         where id = $1 and status = $2 and coalesce(task, '') = $3",
    )
    .bind(id.to_string())
    .bind(old.status.into_str())
    .bind(old.task.map_or("", |task| task.into_str()))
    .bind(new.status.into_str())
    .bind(new.task.map(|task| task.into_str()))
    .bind(fault.map(|fault| i64::from(fault.code)))
    .bind(fault.map(|fault| fault.message.as_str()))
    .bind(fault.map(|fault| fault.created_ms))
    .bind(new.accel.as_deref())
    .bind(Json(&new.forwards))
    .bind(new.capture.map(|id| id.to_string()))
    .bind(new.launched_ms)
    .bind(new.terminated_ms)
    .bind(now_ms())
    .bind(new.resized_from.as_ref().map(Json))
    .bind(new.rescue.as_ref().map(Json))
    .bind(new.rescue.as_ref().map(|rescue| rescue.base_root.as_str()))
    .bind(new.rescue.as_ref().map(|rescue| rescue.base_store.as_str()))
    .bind(new.shelved.map(|id| id.to_string()))
    .execute(&mut **write)
    .await?;
    if changed.rows_affected() == 0 {
        return Err(Error::Conflict(format!("Instance {id} was changed by somebody else meanwhile; try again.")));
    }
    match history {
        History::GoesOn => Ok(()),
        History::Begins(action) => {
            finish_actions(write, id, Some("overtaken by what was asked for next")).await?;
            insert_action(write, action).await
        }
        History::Ends(failure) => finish_actions(write, id, failure).await,
        History::Happens(action) => {
            finish_actions(write, id, action.message.as_deref()).await?;
            insert_action(write, action).await
        }
    }
}

/// Puts an instance's next disk onto the one that an image was made with. An image without a disk changes nothing, and the
/// store would have said so.
pub(super) async fn rebase(write: &mut Write, id: InstanceId, root: &str, store: &str, bytes: i64) -> Result<()> {
    let text = "update instances set base_root = $2, base_store = $3, base_bytes = $4 where id = $1";
    sql!(text, id, root, store, bytes).run(write).await.map(drop)
}

pub(super) async fn take_turn(write: &mut Write, name: &str) -> Result<()> {
    let text = "insert into instance_locks (name, turn) values ($1, 1) \
         on conflict (name) do update set turn = instance_locks.turn + 1";
    sql!(text, name).run(write).await.map(drop)
}

async fn fitting(write: &mut Write, wanted: &Reservation) -> Result<u32> {
    let row = sqlx::query(USAGE).bind(wanted.project.to_string()).fetch_one(&mut **write).await?;
    let used = Usage::from_row(&row)?;
    let quota = quotas::own(write, &wanted.project).await?.of_instances(wanted.quota);
    let running = Usage::from_row(&sqlx::query(RUNNING).fetch_one(&mut **write).await?)?.memory_mib;
    let room = |limit: u64, used: u64, each: u64| limit.saturating_sub(used).checked_div(each).unwrap_or(u64::MAX);
    let limits = [
        ("instances", quota.instances, used.instances, 1),
        ("cores", quota.vcpus, used.vcpus, u64::from(wanted.vcpus)),
        ("ram", quota.memory_mib, used.memory_mib, wanted.memory_mib),
        ("disk", quota.disk_gib, used.disk_gib, wanted.disk_bytes.div_ceil(1 << 30)),
    ];
    for (word, limit, used, each) in limits {
        if room(limit, used, each) < u64::from(wanted.min) {
            let asked = each * u64::from(wanted.min);
            return Err(Error::OverQuota(format!(
                "Quota exceeded for {word}: Requested {asked}, but already used {used} of {limit} {word}"
            )));
        }
    }
    let host = room(wanted.host_memory_mib, running, wanted.memory_mib);
    if host < u64::from(wanted.min) {
        return Err(Error::Conflict(no_room(wanted.memory_mib * u64::from(wanted.min), running, wanted)));
    }
    let fits = limits.iter().map(|&(_, limit, used, each)| room(limit, used, each)).min().unwrap_or(0).min(host);
    Ok(fits.min(u64::from(wanted.max)) as u32)
}

/// How many of so many a server group takes on this one host.
async fn in_group(write: &mut Write, wanted: &Reservation, count: u32) -> Result<u32> {
    let Some(group) = wanted.server_group else { return Ok(count) };
    let room = server_groups::room_in(write, group).await?;
    if room < u64::from(wanted.min) {
        return Err(Error::Conflict(format!(
            "No valid host was found. There is one host, and the anti-affinity of server group {group} leaves room for \
             {room} more of its members there: launch without the group, or into one with the policy soft-anti-affinity."
        )));
    }
    Ok(u64::from(count).min(room) as u32)
}

fn no_room(asked_mib: u64, running_mib: u64, wanted: &Reservation) -> String {
    format!(
        "No valid host was found. This host has {} MiB of memory for instances, {running_mib} MiB are in use, and \
         {asked_mib} MiB were asked for; stop or delete instances, or choose a smaller flavor.",
        wanted.host_memory_mib
    )
}

async fn insert(write: &mut Write, row: &InstanceRow, first_boot: &FirstBoot) -> Result<()> {
    let (make, state) = (&row.make, &row.state);
    let (user_data, files) = encoded(first_boot);
    sql!("insert into instances (id, project_id, user_id, name, description, hostname, status, task, image_id, \
         image_name, hardware, inherited, base_root, base_store, base_bytes, disk_bytes, flavor, vcpus, memory_mib, key_name, \
         public_key, user_data, metadata, tags, mac, forwards, launch_index, reservation_id, number, created_ms, updated_ms, machine, files, server_group, access_ipv4, access_ipv6) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
         $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)", row.id, row.project_id, row.user_id, &row.name, &row.description, &row.hostname, state.status, state.task, make.image, &make.image_name, Json(&make.hardware), Json(&make.inherited), &make.base_root, &make.base_store, make.base_bytes as i64, make.disk_bytes as i64, Json(&make.flavor), i64::from(make.vcpus), make.memory_mib as i64, &make.key_name, &make.public_key, &user_data, Json(&row.metadata), Json(&row.tags), &make.mac, Json(&state.forwards), i64::from(make.launch_index), &make.reservation_id, i64::from(row.number), row.created_ms, row.updated_ms, make.machine.as_ref().map(Json), files, row.server_group, row.access.v4.map(|address| address.to_string()), row.access.v6.map(|address| address.to_string())).run(write).await.map(drop)
}

/// The files of a first boot, each with its path and its contents in base64.
type Files<'a> = Json<Vec<(&'a String, String)>>;

/// The two columns of the data for a first boot.
pub(super) fn encoded(first_boot: &FirstBoot) -> (Option<String>, Option<Files<'_>>) {
    let user_data = first_boot.user_data.as_ref().map(|data| STANDARD.encode(data));
    let files: Vec<_> = first_boot.files.iter().map(|file| (&file.path, STANDARD.encode(&file.contents))).collect();
    (user_data, (!files.is_empty()).then_some(Json(files)))
}

struct Kept(FirstBoot);

impl FromRow<'_, AnyRow> for Kept {
    fn from_row(row: &AnyRow) -> sqlx::Result<Kept> {
        let decoded = |text: String| STANDARD.decode(text).map_err(|error| sqlx::Error::Decode(error.into()));
        let user_data = row.try_get::<Option<String>, _>("user_data")?.map(decoded).transpose()?;
        let files = row.try_get::<Option<Json<Vec<(String, String)>>>, _>("files")?.map(|files| files.0);
        let file = |(path, contents)| Ok(GuestFile { path, contents: decoded(contents)? });
        let files = files.unwrap_or_default().into_iter().map(file).collect::<sqlx::Result<_>>()?;
        Ok(Kept(FirstBoot { user_data, files }))
    }
}

impl FromRow<'_, AnyRow> for InstanceRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<InstanceRow> {
        Ok(InstanceRow {
            id: row.try_get("id")?,
            project_id: row.try_get("project_id")?,
            user_id: row.try_get("user_id")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            hostname: row.try_get("hostname")?,
            metadata: json(row, "metadata")?,
            tags: json(row, "tags")?,
            access: Access { v4: address(row, "access_ipv4")?, v6: address(row, "access_ipv6")? },
            make: InstanceMake {
                image: row.try_get("image_id")?,
                image_name: row.try_get("image_name")?,
                hardware: json(row, "hardware")?,
                inherited: json(row, "inherited")?,
                machine: row.try_get::<Option<Json<_>>, _>("machine")?.map(|machine| machine.0),
                base_root: row.try_get("base_root")?,
                base_store: row.try_get("base_store")?,
                base_bytes: count(row, "base_bytes")?,
                disk_bytes: count(row, "disk_bytes")?,
                flavor: json(row, "flavor")?,
                vcpus: count(row, "vcpus")?,
                memory_mib: count(row, "memory_mib")?,
                key_name: row.try_get("key_name")?,
                public_key: row.try_get("public_key")?,
                mac: row.try_get("mac")?,
                launch_index: count(row, "launch_index")?,
                reservation_id: row.try_get("reservation_id")?,
            },
            lock: row.try_get::<Option<Json<_>>, _>("locked")?.map(|lock| lock.0),
            server_group: row.try_get("server_group")?,
            number: count(row, "number")?,
            state: state(row)?,
            created_ms: row.try_get("created_ms")?,
            updated_ms: row.try_get("updated_ms")?,
        })
    }
}

fn address<T: std::str::FromStr<Err: Into<sqlx::error::BoxDynError>>>(
    row: &AnyRow,
    name: &str,
) -> sqlx::Result<Option<T>> {
    let text: Option<String> = row.try_get(name)?;
    text.map(|text| text.parse().map_err(|error: T::Err| sqlx::Error::Decode(error.into()))).transpose()
}

fn state(row: &AnyRow) -> sqlx::Result<InstanceState> {
    let message: Option<String> = row.try_get("fault_message")?;
    let fault = match message {
        Some(message) => Some(Fault { code: count(row, "fault_code")?, message, created_ms: row.try_get("fault_ms")? }),
        None => None,
    };
    Ok(InstanceState {
        status: row.try_get("status")?,
        task: row.try_get("task")?,
        fault,
        accel: row.try_get("accel")?,
        forwards: json(row, "forwards")?,
        capture: row.try_get("capture_image")?,
        launched_ms: row.try_get("launched_ms")?,
        terminated_ms: row.try_get("terminated_ms")?,
        resized_from: row.try_get::<Option<Json<_>>, _>("resized_from")?.map(|from| from.0),
        rescue: row.try_get::<Option<Json<_>>, _>("rescue")?.map(|rescue| rescue.0),
        shelved: row.try_get("shelved")?,
    })
}

from_row!(Usage { instances as count, vcpus as count, memory_mib as count, disk_gib as count });
