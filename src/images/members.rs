//! The members of images: projects that they are shared with.
//!
//! One call shares: a private image becomes a shared one with its first member. How far sharing reaches is the
//! deployment's (`sharing.scope`): to the caller's own projects, accepted at once; to any project, pending until it
//! accepts (Glance's rule); or nowhere.

use super::{CHANGE_ATTEMPTS, Image, Images, MAX_MEMBERS, Member, Visibility, changed_by_others, publish};
use crate::{
    config::SharingScope,
    db::now_ms,
    error::{Error, Result},
    identity::{
        Caller,
        image_policy::{self, ImageAction},
    },
    ids::{ImageId, ProjectId},
    model::{
        Step,
        image::PublicHold,
        member::{MemberStatus, RejectedImage, SharingProject},
        share::Terms,
    },
};

/// The most projects that are named at once, and the most rejected images.
const MOST_SHOWN: u32 = 1000;

/// The one answer of a deployment that does not share.
pub(super) fn sharing_is_off() -> Error {
    Error::Forbidden("This deployment does not share images between projects (sharing.scope is off).".into())
}

impl Images {
    /// Shares an image with a project. It is accepted at once when the caller belongs to both projects.
    ///
    /// # Errors
    /// `Forbidden` where nothing is shared, for an image that is public or community, and (when sharing reaches own
    /// projects) for a project the caller has no role in, whether it exists or not; `Conflict` when it is shared
    /// with that project already; `TooLarge` when it has its number of members.
    /// The reason not to share the image, if there is one, is returned beside the member, or (`inspect.share`) refused.
    /// Where it is refused, members see an image that is not verified yet once it is, if nothing is against it.
    pub async fn add_member(
        &self,
        caller: &Caller,
        id: ImageId,
        project: Option<ProjectId>,
    ) -> Result<(Member, Option<String>)> {
        self.check_sharing()?;
        self.share_on(caller, id, project, &Terms::default()).await
    }

    /// Shares an image on terms that were checked.
    pub(super) async fn share_on(
        &self,
        caller: &Caller,
        id: ImageId,
        project: Option<ProjectId>,
        terms: &Terms,
    ) -> Result<(Member, Option<String>)> {
        for _ in 0..CHANGE_ATTEMPTS {
            let mut image = self.allowed(caller, id, ImageAction::Share).await?;
            check_shareable(&image)?;
            let member = self.new_member(caller, &image, project).await?;
            image.visibility = Visibility::Shared;
            let concern = self.concern_of_sharing(&mut image).await?;
            if self.0.db.share(&member, terms, &image, MAX_MEMBERS as i64).await? == Step::Done {
                self.settle_pending(&image).await?;
                return Ok((member, concern));
            }
        }
        Err(changed_by_others(id))
    }

    async fn new_member(&self, caller: &Caller, image: &Image, project: Option<ProjectId>) -> Result<Member> {
        let project = project.ok_or_else(|| self.no_such_project())?;
        // Where Keystone has the projects and sharing reaches any of them, nobody is asked, as in Glance.
        let asks = self.0.sharing == SharingScope::OwnProjects || self.0.identity.keystone().is_none();
        let belongs = asks && self.0.identity.belongs(caller, project).await?;
        if self.0.sharing == SharingScope::OwnProjects && !image_policy::share_with_own(caller, belongs) {
            return Err(not_own());
        }
        if project == image.owner {
            return Err(Error::Invalid("The image belongs to that project already.".into()));
        }
        let belongs_to_both = belongs && self.0.identity.belongs(caller, image.owner).await?;
        let status = if belongs_to_both { MemberStatus::Accepted } else { MemberStatus::Pending };
        let now = now_ms();
        Ok(Member { image: image.id, project, status, created_ms: now, updated_ms: now })
    }

    /// The words for somebody who shares an image of which there is something to tell; notes in the record what holds it
    /// back.
    async fn concern_of_sharing(&self, image: &mut Image) -> Result<Option<String>> {
        self.apply_hold(image).await?;
        publish::refuse_held(image)?;
        match (image.public_hold, &image.public_why) {
            (Some(PublicHold::Pending), Some(why)) => {
                Ok(Some(format!("{why} Until nothing is found against sharing it, only its own project sees it.")))
            }
            _ => self.sharing_concern(image).await,
        }
    }

    /// The members of an image. A member sees itself.
    ///
    /// # Errors
    /// `Forbidden` where nothing is shared, for others than the owner and members, and for an image that is public
    /// or community.
    pub async fn members(&self, caller: &Caller, id: ImageId) -> Result<Vec<Member>> {
        self.check_sharing()?;
        let image = self.allowed(caller, id, ImageAction::SeeMembers).await?;
        check_shareable(&image)?;
        if image.visibility == Visibility::Private {
            return Ok(Vec::new());
        }
        let mut members = self.0.db.members(id).await?;
        members.retain(|member| image_policy::see_member(caller, image.owner, member.project));
        Ok(members)
    }

    /// One member.
    ///
    /// # Errors
    /// As [`Images::members`]; `NotFound` when the image is not shared with that project, or the caller is a member
    /// and the project is another.
    pub async fn member(&self, caller: &Caller, id: ImageId, project: Option<ProjectId>) -> Result<Member> {
        let members = self.members(caller, id).await?;
        members.into_iter().find(|member| Some(member.project) == project).ok_or_else(|| no_such_member(id))
    }

    /// Accepts or rejects an image in the name of the caller's project (an admin: of any).
    ///
    /// # Errors
    /// `Forbidden` for the owner; `NotFound` for another project's membership.
    pub async fn decide(
        &self,
        caller: &Caller,
        id: ImageId,
        project: Option<ProjectId>,
        status: MemberStatus,
    ) -> Result<Member> {
        self.check_sharing()?;
        let image = self.allowed(caller, id, ImageAction::Decide).await?;
        check_shareable(&image)?;
        let project = project.ok_or_else(|| no_such_member(id))?;
        if !image_policy::decide_for(caller, project) {
            return Err(no_such_member(id));
        }
        if self.0.db.set_member_status(id, project, status).await? == Step::Lost {
            return Err(no_such_member(id));
        }
        self.0.db.member(id, project).await?.ok_or_else(|| no_such_member(id))
    }

    /// The names of the projects that share with the caller's, and of those that have accepted what it shares: of nobody
    /// else's. Nothing where nothing is shared.
    ///
    /// # Errors
    /// `Forbidden` for somebody without a role in a project.
    pub async fn sharing_projects(&self, caller: &Caller) -> Result<Vec<SharingProject>> {
        let Some(project) = self.sharing_of(caller)? else { return Ok(Vec::new()) };
        self.0.db.sharing_projects(project, MOST_SHOWN).await
    }

    /// The images that the caller's project has rejected, which it may still accept.
    ///
    /// # Errors
    /// As [`Images::sharing_projects`].
    pub async fn rejected(&self, caller: &Caller) -> Result<Vec<RejectedImage>> {
        let Some(project) = self.sharing_of(caller)? else { return Ok(Vec::new()) };
        self.0.db.rejected_images(project, MOST_SHOWN).await
    }

    /// The caller's project, where images are shared.
    fn sharing_of(&self, caller: &Caller) -> Result<Option<ProjectId>> {
        let project = image_policy::project_of_lists(caller)?;
        Ok((self.0.sharing != SharingScope::Off).then_some(project))
    }

    /// Ends the sharing with a project. Instances it launched go on.
    ///
    /// # Errors
    /// `Forbidden` where nothing is shared and for others than the owner; `NotFound` when it was not shared with it.
    pub async fn remove_member(&self, caller: &Caller, id: ImageId, project: Option<ProjectId>) -> Result<()> {
        self.check_sharing()?;
        let image = self.allowed(caller, id, ImageAction::Share).await?;
        check_shareable(&image)?;
        let project = project.ok_or_else(|| no_such_member(id))?;
        match self.0.db.remove_member(id, project).await? {
            Step::Done => Ok(()),
            Step::Lost => Err(no_such_member(id)),
        }
    }

    /// The answer to a text that is not a project's id: the same as for a project that is not the caller's.
    fn no_such_project(&self) -> Error {
        match self.0.sharing {
            SharingScope::Off => sharing_is_off(),
            SharingScope::OwnProjects => not_own(),
            SharingScope::Any => Error::Invalid("The member must be a project's id.".into()),
        }
    }

    pub(super) fn check_sharing(&self) -> Result<()> {
        if self.0.sharing == SharingScope::Off { Err(sharing_is_off()) } else { Ok(()) }
    }
}

pub(super) fn check_shareable(image: &Image) -> Result<()> {
    match image.visibility {
        Visibility::Private | Visibility::Shared => Ok(()),
        Visibility::Community | Visibility::Public => {
            Err(Error::Forbidden(format!("Only shared images have members; this one is {}.", image.visibility)))
        }
    }
}

fn not_own() -> Error {
    Error::Forbidden("Images are shared only with projects that you belong to yourself.".into())
}

pub(super) fn no_such_member(image: ImageId) -> Error {
    Error::NotFound(format!("Image {image} is not shared with that project."))
}
