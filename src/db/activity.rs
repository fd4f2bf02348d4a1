//! The activity of a project: one statement for its images, and one for its instances.

use super::{Database, columns::from_row, statement::sql};
use crate::{
    error::Result,
    ids::ProjectId,
    model::activity::{ActivityRow, ListActivity},
};

from_row!(ActivityRow { id, name, action, state, progress, message, begun_ms, ended_ms, is_there as flag });

/// The time before which nothing ends, where only what is under way is asked for.
const NEVER_MS: i64 = i64::MAX;

impl Database {
    /// The fills of the project's images, the images that were made or failed in this time, and copies to stores that
    /// failed. Failures come before what is done, so that a limit cuts them last.
    pub async fn image_activity(&self, project: ProjectId, wanted: ListActivity) -> Result<Vec<ActivityRow>> {
        let text = "select * from (\
               select i.id, i.name, f.kind as action, 'under_way' as state, i.progress, cast(null as text) as message, \
                 i.created_ms as begun_ms, cast(null as bigint) as ended_ms, cast(1 as bigint) as is_there \
               from fills f join images i on i.id = f.image_id where i.owner = $1 and i.status <> 'deleted' \
               order by i.created_ms desc limit $3) as fills \
             union all select * from (\
               select i.id, i.name, 'create', case when i.status = 'queued' then 'failed' else 'done' end, \
                 cast(null as bigint), i.reason, i.created_ms, i.updated_ms, cast(1 as bigint) \
               from images i where i.owner = $1 and i.created_ms >= $2 \
                 and (i.status in ('active', 'deactivated') or i.status = 'queued' and i.reason is not null) \
                 and not exists (select 1 from fills f where f.image_id = i.id) \
               order by case when i.status = 'queued' then 0 else 1 end, i.created_ms desc limit $3) as ended \
             union all select * from (\
               select i.id, i.name, 'copy', 'failed', cast(null as bigint), t.message, t.created_ms, t.updated_ms, \
                 cast(1 as bigint) \
               from image_tasks t join images i on i.id = t.image_id \
               where t.owner = $1 and t.created_ms >= $2 and t.status = 'failure' \
                 and i.status in ('active', 'deactivated') \
               order by t.created_ms desc limit $3) as copies";
        self.activity(text, project, wanted).await
    }

    /// The actions on the project's instances, also on those that are deleted by now, the newest first.
    pub async fn instance_activity(&self, project: ProjectId, wanted: ListActivity) -> Result<Vec<ActivityRow>> {
        let text = "select i.id, i.name, a.action, \
               case when a.finish_ms is null then 'under_way' when a.result = 'Error' then 'failed' else 'done' end \
                 as state, \
               cast(null as bigint) as progress, a.message, a.start_ms as begun_ms, a.finish_ms as ended_ms, \
               cast(case when i.status = 'DELETED' then 0 else 1 end as bigint) as is_there \
             from instances i join instance_actions a on a.instance_id = i.id \
             where i.project_id = $1 and (a.start_ms >= $2 or a.finish_ms is null and i.status <> 'DELETED') \
             order by a.start_ms desc limit $3";
        self.activity(text, project, wanted).await
    }

    async fn activity(&self, text: &'static str, project: ProjectId, wanted: ListActivity) -> Result<Vec<ActivityRow>> {
        sql!(text, project, wanted.since_ms.unwrap_or(NEVER_MS), i64::from(wanted.limit)).rows(self).await
    }
}
