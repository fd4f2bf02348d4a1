//! How many of everything there are, for whoever watches the whole service.

use sqlx::Row as _;

use super::Database;
use crate::{error::Result, model::usage::ImagesCounted};

impl Database {
    /// The images of every project, by status and visibility.
    pub async fn images_by_status(&self) -> Result<Vec<ImagesCounted>> {
        let rows = sqlx::query(
            "select status, visibility, count(*), cast(coalesce(sum(size_bytes), 0) as bigint) from images \
             where status <> 'deleted' group by status, visibility",
        )
        .fetch_all(self.reads())
        .await?;
        let counted = rows.iter().map(|row| {
            Ok(ImagesCounted {
                status: row.try_get(0)?,
                visibility: row.try_get(1)?,
                images: row.try_get(2)?,
                bytes: row.try_get(3)?,
            })
        });
        counted.collect()
    }

    /// The instances of every project, by status.
    pub async fn instances_by_status(&self) -> Result<Vec<(String, i64)>> {
        let rows = sqlx::query("select status, count(*) from instances where status <> 'DELETED' group by status")
            .fetch_all(self.reads())
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}
