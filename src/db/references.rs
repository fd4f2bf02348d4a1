//! The things that rest on an image: a project's own by name, others' by number.

use super::{Database, columns::from_row, images::property_label, statement::sql};
use crate::{
    error::Result,
    ids::{ImageId, ProjectId},
    model::{
        fill::FillKind,
        reference::{Resting, RestingImage, RestingInstance},
    },
};

from_row!(RestingInstance { id, name, status });
from_row!(RestingImage { id, name });

impl Database {
    /// The instances that run from an image.
    pub async fn instances_from(
        &self,
        image: ImageId,
        project: Option<ProjectId>,
        limit: u32,
    ) -> Result<Resting<RestingInstance>> {
        let project = project.map(|project| project.to_string()).unwrap_or_default();
        let text = "select id, name, status from instances where image_id = $1 and status <> 'DELETED' and project_id = $2 \
                    order by name, id limit $3";
        let own = sql!(text, image, &project, i64::from(limit)).rows(self).await?;
        let text = "select count(*) from instances where image_id = $1 and status <> 'DELETED' and project_id = $2";
        let own_count = one(sql!(text, image, &project).column(self).await?);
        let text = "select count(*) from instances where image_id = $1 and status <> 'DELETED' and project_id <> $2";
        Ok(Resting { own, own_count, elsewhere: one(sql!(text, image, &project).column(self).await?) })
    }

    /// The images whose records say that they were made from an image.
    pub async fn images_from(
        &self,
        image: ImageId,
        project: Option<ProjectId>,
        limit: u32,
    ) -> Result<Resting<RestingImage>> {
        let project = project.map(|project| project.to_string()).unwrap_or_default();
        let label = property_label("base_image_ref", &image.to_string());
        let text = "select i.id, i.name from image_labels l join images i on i.id = l.image_id \
                    where l.label = $1 and i.status <> 'deleted' and i.id <> $4 and i.owner = $2 \
                    order by coalesce(i.name, ''), i.id limit $3";
        let own = sql!(text, &label, &project, i64::from(limit), image).rows(self).await?;
        let text = "select count(*) from image_labels l join images i on i.id = l.image_id \
                    where l.label = $1 and i.status <> 'deleted' and i.id <> $3 and i.owner = $2";
        let own_count = one(sql!(text, &label, &project, image).column(self).await?);
        let text = "select count(*) from image_labels l join images i on i.id = l.image_id \
                    where l.label = $1 and i.status <> 'deleted' and i.id <> $3 and i.owner <> $2";
        Ok(Resting { own, own_count, elsewhere: one(sql!(text, &label, &project, image).column(self).await?) })
    }

    /// The road on which an image gets bytes now, or is copied to further stores.
    pub async fn fill_of(&self, image: ImageId) -> Result<Option<FillKind>> {
        Ok(sql!("select kind from fills where image_id = $1", image).column(self).await?.pop())
    }
}

fn one(mut count: Vec<i64>) -> i64 {
    count.pop().unwrap_or_default()
}
