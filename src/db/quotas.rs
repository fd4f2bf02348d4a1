//! The limits of projects that stand in the place of the deployment's.

use sqlx::{FromRow, Row as _, any::AnyRow};

use super::{Database, Write, columns::from_row, instances::take_turn, statement::sql};
use crate::{error::Result, ids::ProjectId, model::usage::OwnLimits};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select project_id, images, image_bytes, uploads, staged_bytes, instances, vcpus, memory_mib, disk_gib \
             from project_quotas",
            $rest
        )
    };
}

const OF_ONE: &str = select!(" where project_id = $1");

impl Database {
    /// The limits of its own that a project has.
    pub async fn own_limits(&self, project: &ProjectId) -> Result<OwnLimits> {
        Ok(sql!(OF_ONE, project.to_string()).row(self).await?.unwrap_or_default())
    }

    /// The same of every project that has some.
    pub async fn own_limits_by_project(&self) -> Result<Vec<(ProjectId, OwnLimits)>> {
        let rows: Vec<Of> = sql!(select!("")).rows(self).await?;
        Ok(rows.into_iter().map(|Of(project, own)| (project, own)).collect())
    }

    /// Changes the limits of its own that a project has, one change at a time.
    pub async fn change_own_limits(&self, project: &ProjectId, change: impl FnOnce(&mut OwnLimits)) -> Result<()> {
        let mut write = self.write().await?;
        take_turn(&mut write, &format!("project {project}")).await?;
        let mut own = own(&mut write, project).await?;
        change(&mut own);
        forget(&mut write, &project.to_string()).await?;
        if own != OwnLimits::default() {
            sql!(
                "insert into project_quotas (project_id, images, image_bytes, uploads, staged_bytes, instances, vcpus, \
                 memory_mib, disk_gib) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                project.to_string(),
                own.images,
                own.image_bytes,
                own.uploads,
                own.staged_bytes,
                own.instances,
                own.vcpus,
                own.memory_mib,
                own.disk_gib
            )
            .run(&mut write)
            .await?;
        }
        Ok(write.commit().await?)
    }
}

/// The limits of its own that a project has, as a step of the transaction that they bind.
pub(super) async fn own(write: &mut Write, project: &ProjectId) -> Result<OwnLimits> {
    let row = sqlx::query(OF_ONE).bind(project.to_string()).fetch_optional(&mut **write).await?;
    Ok(row.as_ref().map(OwnLimits::from_row).transpose()?.unwrap_or_default())
}

pub(super) async fn forget(write: &mut Write, project: &str) -> Result<()> {
    sql!("delete from project_quotas where project_id = $1", project).run(write).await.map(drop)
}

struct Of(ProjectId, OwnLimits);

impl FromRow<'_, AnyRow> for Of {
    fn from_row(row: &AnyRow) -> sqlx::Result<Of> {
        Ok(Of(row.try_get("project_id")?, OwnLimits::from_row(row)?))
    }
}

from_row!(OwnLimits { images, image_bytes, uploads, staged_bytes, instances, vcpus, memory_mib, disk_gib });
