//! Pages of images.

use super::{Condition, Direction, Image, Images, Kind, NumberColumn, PageVisibility, SortKey, Visibility, members};
use crate::{
    config::SharingScope,
    db::image_pages::{Comparison, ImagePage},
    error::{Error, Result},
    identity::{
        Caller,
        image_policy::{self, ImageAction},
        policy,
    },
    ids::ImageId,
    model::member::MemberStatus,
};

/// Which images somebody wants to see.
#[derive(Clone, Debug, Default)]
pub struct ListImages {
    /// Only of this visibility; without, all but other projects' community images.
    pub visibility: Option<PageVisibility>,
    /// What the project has made of images shared with it: without, it has accepted them.
    pub membership: Option<Membership>,
    /// Hidden images instead of the others.
    pub hidden: bool,
    /// What else must hold.
    pub conditions: Vec<Condition>,
    /// The order, newest first unless something is said.
    pub order: Vec<(SortKey, Direction)>,
    /// The page begins after this image.
    pub marker: Option<ImageId>,
    /// How many at most.
    pub limit: u32,
}

/// A member status as lists ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// This one.
    Only(MemberStatus),
    /// Pending and accepted. Rejected images are out of sight.
    All,
}

impl Images {
    /// A page of the images that the caller sees.
    ///
    /// # Errors
    /// `Forbidden` for somebody without a role, and for whatever is about sharing where nothing is shared;
    /// `Invalid` for a marker that is no image the caller sees.
    pub async fn list(&self, caller: &Caller, wanted: ListImages) -> Result<Vec<Image>> {
        let page = self.page(caller, wanted).await?;
        if page.limit == 0 {
            return Ok(Vec::new());
        }
        let mut images = self.0.db.image_page(&page).await?;
        for image in &mut images {
            image.stores = self.0.stores.in_order(&image.stores);
        }
        Ok(images)
    }

    /// How many images of each kind the caller's project sees of those that meet the conditions: public, private,
    /// and shared with it (`None` where nothing is shared).
    ///
    /// # Errors
    /// As for [`Images::list`].
    pub async fn count(&self, caller: &Caller, conditions: &[Condition]) -> Result<[Option<i64>; 3]> {
        let mut counts = [None; 3];
        for (count, kind) in counts.iter_mut().zip([Kind::Public, Kind::Private, Kind::Shared]) {
            if kind == Kind::Shared && self.0.sharing == SharingScope::Off {
                continue;
            }
            let visibility = Some(PageVisibility::Kind(kind));
            let wanted = ListImages { visibility, conditions: conditions.to_vec(), ..ListImages::default() };
            *count = Some(self.0.db.count_images(&self.page(caller, wanted).await?).await?);
        }
        Ok(counts)
    }

    /// What the caller asks the database for.
    async fn page(&self, caller: &Caller, wanted: ListImages) -> Result<ImagePage> {
        image_policy::list_images(caller)
            .or(|| "You have no role in this project that lists images.".into(), || "No such project.".into())?;
        let is_about_sharing = matches!(
            wanted.visibility,
            Some(PageVisibility::Only(Visibility::Shared) | PageVisibility::Kind(Kind::Shared))
        ) || wanted.membership.is_some();
        if is_about_sharing && self.0.sharing == SharingScope::Off {
            return Err(members::sharing_is_off());
        }
        let after = match wanted.marker {
            None => None,
            Some(id) => Some(self.marker(caller, id).await?),
        };
        let mut conditions = wanted.conditions;
        conditions.push(Condition::Number(NumberColumn::Hidden, Comparison::Equal, i64::from(wanted.hidden)));
        // Kinds are a project's view of images, the admin's own project too.
        let is_of_project = matches!(wanted.visibility, Some(PageVisibility::Kind(_)));
        if is_of_project {
            policy::in_a_project(caller)?;
        }
        Ok(ImagePage {
            viewer: caller.project.as_ref().map(|project| project.id).filter(|_| is_of_project || !caller.is_admin()),
            visibility: wanted.visibility,
            membership: match wanted.membership {
                None => Some(MemberStatus::Accepted),
                Some(Membership::Only(status)) => Some(status),
                Some(Membership::All) => None,
            },
            with_shared: self.0.sharing != SharingScope::Off
                && wanted.membership != Some(Membership::Only(MemberStatus::Rejected)),
            conditions,
            order: wanted.order,
            after,
            limit: wanted.limit,
        })
    }

    async fn marker(&self, caller: &Caller, id: ImageId) -> Result<Image> {
        self.allowed(caller, id, ImageAction::Show).await.map_err(|error| match error {
            Error::NotFound(_) => Error::Invalid("Invalid marker. Image could not be found.".into()),
            other => other,
        })
    }
}
