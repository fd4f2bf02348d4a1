//! The rules for images: the page of `policy` that is theirs. Pure functions of the caller and of facts.
//!
//! Whatever a caller may not even see does not exist for it: [`Verdict::Hidden`] is answered as `NotFound`, in the
//! words of an id that nobody has. For images that is decided here alone.

use super::{Caller, Role};
use crate::{
    error::{Error, Result},
    ids::ProjectId,
    model::{image::Visibility, member::MemberStatus},
};

/// What the rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// No, and the caller may know that the thing exists.
    Forbidden,
    /// There is no such thing, as far as the caller may know.
    Hidden,
}

/// What somebody wants to do with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageAction {
    /// See its record.
    Show,
    /// Read its file.
    Download,
    /// Launch an instance from it.
    Launch,
    /// Change it: upload, update, tag, delete, deactivate, reactivate, make it community.
    Change,
    /// Make it public.
    Publish,
    /// Add or remove a member.
    Share,
    /// See its members (a member sees itself).
    SeeMembers,
    /// Accept or reject it in the name of a project it is shared with.
    Decide,
}

/// What the rules need to know of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    /// The project it belongs to.
    pub owner: ProjectId,
    /// Who sees it.
    pub visibility: Visibility,
    /// Withheld from everybody but admins.
    pub is_deactivated: bool,
    /// What the caller's project has made of it, if it is shared with it.
    pub membership: Option<MemberStatus>,
}

/// What the caller is to an image.
enum Relation {
    Admin,
    Owner(Role),
    Member(MemberStatus, Role),
    /// Anybody, on a public or community image.
    Public(Role),
    Stranger,
}

/// Whether the caller may do this with this image.
pub fn image(caller: &Caller, action: ImageAction, image: ImageFacts) -> Verdict {
    use ImageAction::{Change, Decide, Download, Launch, Publish, SeeMembers, Share, Show};
    let works = |role: Role| if role >= Role::Member { Verdict::Allowed } else { Verdict::Forbidden };
    let relation = relation(caller, image);
    if let Relation::Stranger = relation {
        return Verdict::Hidden;
    }
    if let Relation::Admin = relation {
        return Verdict::Allowed;
    }
    if image.is_deactivated && matches!(action, Download | Launch) {
        return Verdict::Forbidden;
    }
    match (action, relation) {
        (Show, _) => Verdict::Allowed,
        (Download, Relation::Owner(role) | Relation::Member(_, role) | Relation::Public(role)) => works(role),
        (Launch, Relation::Owner(role) | Relation::Public(role)) => works(role),
        (Launch, Relation::Member(MemberStatus::Accepted, role)) => works(role),
        (Change | Share, Relation::Owner(role)) => works(role),
        (SeeMembers, Relation::Owner(_) | Relation::Member(..)) => Verdict::Allowed,
        (Decide, Relation::Member(_, role)) => works(role),
        (Download | Launch | Change | Publish | Share | SeeMembers | Decide, _) => Verdict::Forbidden,
    }
}

/// Whether the caller may make images in its own project.
pub fn create_image(caller: &Caller) -> Verdict {
    if caller.has(Role::Member) { Verdict::Allowed } else { Verdict::Forbidden }
}

/// Whether the caller may list images at all.
pub fn list_images(caller: &Caller) -> Verdict {
    if caller.is_admin() || caller.has(Role::Reader) { Verdict::Allowed } else { Verdict::Forbidden }
}

/// Whether the caller sees a namespace of metadata definitions; another project's private one is hidden.
pub fn metadef_namespace(caller: &Caller, is_public: bool, owner: ProjectId) -> bool {
    caller.is_admin() || (caller.has(Role::Reader) && (is_public || caller.has_in(owner, Role::Reader)))
}

impl Verdict {
    /// Goes on when allowed.
    ///
    /// # Errors
    /// `Forbidden` or `NotFound`, in these words.
    pub fn or(self, forbidden: impl FnOnce() -> String, hidden: impl FnOnce() -> String) -> Result<()> {
        match self {
            Verdict::Allowed => Ok(()),
            Verdict::Forbidden => Err(Error::Forbidden(forbidden())),
            Verdict::Hidden => Err(Error::NotFound(hidden())),
        }
    }
}

fn relation(caller: &Caller, image: ImageFacts) -> Relation {
    if caller.is_admin() {
        return Relation::Admin;
    }
    let (Some(project), Some(role)) = (&caller.project, caller.role) else { return Relation::Stranger };
    if project.id == image.owner {
        return Relation::Owner(role);
    }
    match (image.visibility, image.membership) {
        (Visibility::Public | Visibility::Community, _) => Relation::Public(role),
        (Visibility::Shared, Some(MemberStatus::Rejected) | None) | (Visibility::Private, _) => Relation::Stranger,
        (Visibility::Shared, Some(status)) => Relation::Member(status, role),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::{ProjectRef, UserRef},
        ids::UserId,
    };
    use ImageAction::*;
    use Verdict::{Allowed as Y, Forbidden as F, Hidden as H};

    fn caller(project: ProjectId, role: Option<Role>) -> Caller {
        Caller {
            user: UserRef { id: UserId::new(), name: "somebody".into(), domain_id: "default".into() },
            project: Some(ProjectRef { id: project, name: "project".into(), domain_id: "default".into() }),
            role,
            request_id: "req-test".into(),
            address: None,
            session: None,
        }
    }

    fn facts(owner: ProjectId, visibility: Visibility, membership: Option<MemberStatus>) -> ImageFacts {
        ImageFacts { owner, visibility, is_deactivated: false, membership }
    }

    const ACTIONS: [ImageAction; 8] = [Show, Download, Launch, Change, Publish, Share, SeeMembers, Decide];

    fn row(caller: &Caller, image: ImageFacts) -> [Verdict; 8] {
        ACTIONS.map(|action| super::image(caller, action, image))
    }

    #[test]
    fn the_table_of_images_is_kept() {
        use MemberStatus::*;
        use Visibility::*;
        let (own, other) = (ProjectId::new(), ProjectId::new());
        let member = caller(other, Some(Role::Member));
        let reader = caller(other, Some(Role::Reader));
        //                                             show dl launch change publish share see decide
        for visibility in [Private, Shared, Community, Public] {
            let image = facts(own, visibility, None);
            assert_eq!(row(&caller(other, Some(Role::Admin)), image), [Y, Y, Y, Y, Y, Y, Y, Y]);
            assert_eq!(row(&caller(own, Some(Role::Member)), image), [Y, Y, Y, Y, F, Y, Y, F]);
            assert_eq!(row(&caller(own, Some(Role::Manager)), image), [Y, Y, Y, Y, F, Y, Y, F]);
            assert_eq!(row(&caller(own, Some(Role::Reader)), image), [Y, F, F, F, F, F, Y, F]);
        }
        assert_eq!(row(&member, facts(own, Shared, Some(Accepted))), [Y, Y, Y, F, F, F, Y, Y]);
        assert_eq!(row(&member, facts(own, Shared, Some(Pending))), [Y, Y, F, F, F, F, Y, Y]);
        assert_eq!(row(&member, facts(own, Shared, Some(Rejected))), [H; 8]);
        assert_eq!(row(&reader, facts(own, Shared, Some(Accepted))), [Y, F, F, F, F, F, Y, F]);
        assert_eq!(row(&reader, facts(own, Shared, Some(Pending))), [Y, F, F, F, F, F, Y, F]);
        for visibility in [Community, Public] {
            assert_eq!(row(&member, facts(own, visibility, None)), [Y, Y, Y, F, F, F, F, F]);
            assert_eq!(row(&reader, facts(own, visibility, None)), [Y, F, F, F, F, F, F, F]);
        }
        for person in [&member, &reader] {
            assert_eq!(row(person, facts(own, Private, None)), [H; 8]);
            assert_eq!(row(person, facts(own, Shared, None)), [H; 8]);
            // Membership counts only while the image is shared.
            assert_eq!(row(person, facts(own, Private, Some(Accepted))), [H; 8]);
        }
    }

    #[test]
    fn a_deactivated_image_is_withheld_from_all_but_admins() {
        let own = ProjectId::new();
        let image = ImageFacts { is_deactivated: true, ..facts(own, Visibility::Public, None) };
        let member = caller(own, Some(Role::Member));
        assert_eq!([Show, Download, Launch, Change].map(|a| super::image(&member, a, image)), [Y, F, F, Y]);
        let admin = caller(ProjectId::new(), Some(Role::Admin));
        assert_eq!([Show, Download, Launch].map(|a| super::image(&admin, a, image)), [Y, Y, Y]);
    }

    #[test]
    fn who_has_no_role_sees_nothing() {
        let own = ProjectId::new();
        let nobody = caller(own, None);
        assert_eq!(row(&nobody, facts(own, Visibility::Public, None)), [H; 8]);
        assert_eq!(list_images(&nobody), F);
        let unscoped = Caller { project: None, ..caller(own, Some(Role::Member)) };
        assert_eq!(row(&unscoped, facts(own, Visibility::Public, None)), [H; 8]);
        assert_eq!(create_image(&unscoped), F);
    }
}
