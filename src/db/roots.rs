//! The contents that a store must keep: the roots of all that a row names.

use async_trait::async_trait;
use chunks::{Answer, Digest, Roots};
use sqlx::{AssertSqlSafe, Row as _};

use super::chunks::StoreIndex;
use crate::error::Result;

/// Whether the store named `$1` holds the bytes of an image. No name has a comma or what `like` has a meaning for
/// (`crate::config`).
pub(super) const HELD: &str = "(',' || stores || ',') like ('%,' || $1 || ',%')";

impl StoreIndex {
    /// Names the images and instances that a content belongs to, for people.
    pub(crate) async fn names_of_root(&self, root: &str) -> Result<Vec<String>> {
        let text = format!(
            "select 'image ' || id from images where (file_root = $2 or disk_root = $2 \
             or exists (select 1 from fills where image_id = images.id and staged_root = $2)) and {HELD} \
             union all select 'instance ' || id from instances \
             where (base_root = $2 and base_store = $1 or rescue_root = $2 and rescue_store = $1) and status <> 'DELETED'"
        );
        let statement = sqlx::query(AssertSqlSafe(text)).bind(self.name().to_owned()).bind(root.to_owned());
        let rows = statement.fetch_all(self.reads()).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>()?)
    }
}

/// Everything that the store must keep: files, disks and staged bytes of images, and the disks under instances.
#[async_trait]
impl Roots for StoreIndex {
    async fn roots(&self) -> Answer<Vec<Digest>> {
        let text = format!(
            "select file_root from images where file_root is not null and {HELD} \
             union select disk_root from images where disk_root is not null and {HELD} \
             union select staged_root from fills join images on images.id = image_id \
             where staged_root is not null and {HELD} \
             union select base_root from instances where base_store = $1 and status <> 'DELETED' \
             union select rescue_root from instances where rescue_store = $1 and status <> 'DELETED'"
        );
        let rows =
            sqlx::query(AssertSqlSafe(text)).bind(self.name().to_owned()).fetch_all(self.patient_reads()).await?;
        let mut roots = Vec::with_capacity(rows.len());
        for row in rows {
            roots.push(row.try_get::<String, _>(0)?.parse()?);
        }
        Ok(roots)
    }
}
