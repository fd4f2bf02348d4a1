//! The projects that a project shares with, by name, and its change of mind.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::Refusals;
use crate::{
    api::{caller::Asked, error::Answer, times},
    ids::{ImageId, ProjectId},
};

/// The sharing of the caller's project with others.
#[derive(Serialize, ToSchema)]
#[schema(as = Sharing)]
pub(super) struct Shown {
    /// The projects that share with it, and those that have accepted what it shares. Nobody else's name is told.
    projects: Vec<Named>,
    /// The images that it has rejected, and may still accept.
    rejected: Vec<Rejected>,
}

/// A project.
#[derive(Serialize, ToSchema)]
#[schema(as = NamedProject)]
struct Named {
    #[schema(value_type = String)]
    id: ProjectId,
    name: String,
}

/// A rejected image. Until it is accepted there is no more to be seen of it.
#[derive(Serialize, ToSchema)]
#[schema(as = RejectedImage)]
struct Rejected {
    #[schema(value_type = String, format = Uuid)]
    id: ImageId,
    name: Option<String>,
    /// The project that offers it.
    #[schema(value_type = String)]
    owner: ProjectId,
    #[schema(format = DateTime)]
    rejected_at: String,
}

/// Names the projects that share with the caller's, and lists the images that it has rejected.
#[utoipa::path(
    get, path = "/sharing", operation_id = "show_sharing", tag = "projects",
    responses((status = 200, description = "The sharing", body = Shown), Refusals),
)]
pub(super) async fn show(Asked { rooms, caller, .. }: Asked) -> Answer<Json<Shown>> {
    let projects = rooms.images.sharing_projects(&caller).await?;
    let rejected = rooms.images.rejected(&caller).await?.into_iter().map(|image| Rejected {
        id: image.image,
        name: image.name,
        owner: image.owner,
        rejected_at: times::seconds_z(image.rejected_ms),
    });
    Ok(Json(Shown {
        projects: projects.into_iter().map(|project| Named { id: project.id, name: project.name }).collect(),
        rejected: rejected.collect(),
    }))
}
