//! How many of everything there are, for whoever watches the whole service.

use sqlx::{FromRow, Row as _, any::AnyRow};

use super::{Database, columns::from_row, statement::sql};
use crate::{
    error::Result,
    model::{
        instance::Usage,
        usage::{ImageUsage, ImagesCounted, ProjectUsage},
    },
};

impl Database {
    /// The images of every project, by status and visibility.
    pub async fn images_by_status(&self) -> Result<Vec<ImagesCounted>> {
        let text = "select status, visibility, count(*) as images, cast(coalesce(sum(size_bytes), 0) as bigint) as bytes \
                    from images where status <> 'deleted' group by status, visibility";
        sql!(text).rows(self).await
    }

    /// The instances of every project, by status.
    pub async fn instances_by_status(&self) -> Result<Vec<(String, i64)>> {
        sql!("select status, count(*) from instances where status <> 'DELETED' group by status").rows(self).await
    }

    /// The usage of every project that has something.
    pub async fn usage_by_project(&self) -> Result<Vec<ProjectUsage>> {
        let sums = "select project_id, images, bytes, uploads, 0 as staged_bytes, 0 as instances, 0 as vcpus, \
             0 as memory_mib, 0 as disk_gib from image_usage \
             union all select owner, 0, 0, 0, charged_bytes, 0, 0, 0, 0 from images \
             where status in ('uploading', 'importing') \
             union all select project_id, 0, 0, 0, 0, 1, vcpus, memory_mib, (disk_bytes + 1073741823) / 1073741824 \
             from instances where status <> 'DELETED'";
        let columns = ["images", "bytes", "uploads", "staged_bytes", "instances", "vcpus", "memory_mib", "disk_gib"];
        let columns = columns.map(|name| format!("cast(sum({name}) as bigint) as {name}")).join(", ");
        let text = format!(
            "select project_id, {columns} from ({sums}) of_all group by project_id \
             having sum(images) + sum(bytes) + sum(instances) > 0 order by project_id"
        );
        sql!(sqlx::AssertSqlSafe(text)).rows(self).await
    }
}

impl FromRow<'_, AnyRow> for ProjectUsage {
    fn from_row(row: &AnyRow) -> sqlx::Result<ProjectUsage> {
        Ok(ProjectUsage {
            project: row.try_get("project_id")?,
            images: ImageUsage {
                images: row.try_get("images")?,
                bytes: row.try_get("bytes")?,
                uploads: row.try_get("uploads")?,
                staged_bytes: row.try_get("staged_bytes")?,
            },
            instances: Usage::from_row(row)?,
        })
    }
}

from_row!(ImagesCounted { status, visibility, images, bytes });
