//! Pages of images.

use super::{Image, Images, Kind, ListImages, MemberStatus, Membership, PageVisibility, Visibility, members};
use crate::{
    config::SharingScope,
    error::{Error, Result},
    identity::{
        Caller,
        image_policy::{self, ImageAction},
    },
    ids::ImageId,
    model::image_list::{ImagePage, Part},
};

impl Images {
    /// A page of the images that the caller sees.
    ///
    /// # Errors
    /// `Forbidden` for somebody without a role, and for questions about sharing where nothing is shared;
    /// `Invalid` for a marker that is not an image the caller sees.
    pub async fn list(&self, caller: &Caller, wanted: ListImages) -> Result<ImagePage> {
        let parts = self.seen(caller, &wanted)?;
        let after = match wanted.marker {
            None => None,
            Some(id) => Some(self.marker(caller, id).await?),
        };
        if wanted.limit == 0 {
            return Ok(ImagePage::default());
        }
        let mut page = self.0.db.image_page(&parts, &wanted, after.as_ref()).await?;
        for image in &mut page.images {
            self.0.stores.sort(&mut image.stores);
        }
        Ok(page)
    }

    /// How many images of each kind the caller's project sees of those that are asked for: public, private, shared with
    /// it (`None` where nothing is shared), and community images of others.
    ///
    /// # Errors
    /// As for [`Images::list`].
    pub async fn count(&self, caller: &Caller, wanted: &ListImages) -> Result<[Option<i64>; 4]> {
        let mut counts = [None; 4];
        for (count, kind) in counts.iter_mut().zip([Kind::Public, Kind::Private, Kind::Shared, Kind::Community]) {
            if kind == Kind::Shared && self.0.sharing == SharingScope::Off {
                continue;
            }
            let visibility = Some(PageVisibility::Kind(kind));
            let wanted = ListImages { visibility, ..wanted.clone() };
            *count = Some(self.0.db.count_images(&self.seen(caller, &wanted)?, &wanted).await?);
        }
        Ok(counts)
    }

    /// How many images of others wait for the answer of the caller's project.
    ///
    /// # Errors
    /// As for [`Images::list`].
    pub async fn offers(&self, caller: &Caller) -> Result<i64> {
        if self.0.sharing == SharingScope::Off {
            return Ok(0);
        }
        let wanted = ListImages {
            visibility: Some(PageVisibility::Kind(Kind::Shared)),
            membership: Some(Membership::Only(MemberStatus::Pending)),
            ..ListImages::default()
        };
        self.0.db.count_images(&self.seen(caller, &wanted)?, &wanted).await
    }

    /// The images that the caller asks for and sees. Where nothing is shared, earlier sharing counts for nothing.
    fn seen(&self, caller: &Caller, wanted: &ListImages) -> Result<Vec<Part>> {
        let membership = wanted.membership.unwrap_or(Membership::Only(MemberStatus::Accepted));
        let mut parts = image_policy::seen(caller, wanted.visibility, membership)?;
        if self.0.sharing == SharingScope::Off {
            let is_about_sharing = matches!(
                wanted.visibility,
                Some(PageVisibility::Only(Visibility::Shared) | PageVisibility::Kind(Kind::Shared))
            );
            if is_about_sharing || wanted.membership.is_some() {
                return Err(members::sharing_is_off());
            }
            parts.retain(|part| !matches!(part, Part::SharedWith(..)));
        }
        Ok(parts)
    }

    async fn marker(&self, caller: &Caller, id: ImageId) -> Result<Image> {
        self.allowed(caller, id, ImageAction::Show).await.map_err(|error| match error {
            Error::NotFound(_) => Error::Invalid("Invalid marker. Image could not be found.".into()),
            other => other,
        })
    }
}
