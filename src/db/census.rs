//! How many of everything there are, for whoever watches the whole service.

use super::{Database, columns::from_row, statement::sql};
use crate::{error::Result, model::usage::ImagesCounted};

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
}

from_row!(ImagesCounted { status, visibility, images, bytes });
