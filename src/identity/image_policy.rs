//! The rules for images: the page of `policy` that is theirs. Pure functions of the caller and of facts.
//!
//! An image that a caller may not see does not exist for that caller: [`Verdict::Hidden`] is answered as `NotFound`, in
//! the words of an unknown id. For images only this file decides it: [`seen`] says which images there are for a caller,
//! lists are made of its answer, and [`image`] begins with it.

use super::{Caller, Role, policy};
use crate::{
    error::{Error, Result},
    ids::ProjectId,
    model::{
        image::Visibility,
        image_list::{Kind, Membership, PageVisibility, Part},
        member::MemberStatus,
    },
};

/// The answer of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// No, and the caller may know that the thing exists.
    Forbidden,
    /// There is no such thing, as far as the caller may know.
    Hidden,
}

/// An action on an image.
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

/// The facts of an image that the rules need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    pub owner: ProjectId,
    pub visibility: Visibility,
    /// Whether it is declared public or shared, and held back.
    pub is_held_back: bool,
    /// Whether only admins may read its bytes.
    pub is_deactivated: bool,
    /// The answer of the caller's project to the offer, if it is shared with that project.
    pub membership: Option<MemberStatus>,
}

/// The caller's relation to an image.
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
    match relation {
        Relation::Stranger => return Verdict::Hidden,
        Relation::Admin => return Verdict::Allowed,
        Relation::Owner(_) | Relation::Member(..) | Relation::Public(_) => {}
    }
    if image.is_deactivated && matches!(action, Download | Launch) {
        return Verdict::Forbidden;
    }
    match (action, relation) {
        (Show, _) => Verdict::Allowed,
        (Download | Launch, Relation::Member(MemberStatus::Rejected, _)) => Verdict::Forbidden,
        (Download, Relation::Owner(role) | Relation::Member(_, role) | Relation::Public(role)) => works(role),
        (Launch, Relation::Owner(role) | Relation::Public(role)) => works(role),
        (Launch, Relation::Member(MemberStatus::Accepted, role)) => works(role),
        (Change | Share, Relation::Owner(role)) => works(role),
        (SeeMembers, Relation::Owner(_) | Relation::Member(..)) => Verdict::Allowed,
        (Decide, Relation::Member(_, role)) => works(role),
        (Download | Launch | Change | Publish | Share | SeeMembers | Decide, _) => Verdict::Forbidden,
    }
}

/// Checks that the caller may make images in its own project.
///
/// # Errors
/// `Forbidden` without the role of a member in a project.
pub fn may_make(caller: &Caller) -> Result<()> {
    create_image(caller).or(|| "You may not make images in this project.".into(), || "No such project.".into())
}

fn create_image(caller: &Caller) -> Verdict {
    if caller.has(Role::Member) { Verdict::Allowed } else { Verdict::Forbidden }
}

/// The caller's project, whose images the caller may list.
///
/// # Errors
/// `Forbidden` without a project, or a role in it that lists images.
pub fn project_of_lists(caller: &Caller) -> Result<ProjectId> {
    list_images(caller)
        .or(|| "You have no role in this project that lists images.".into(), || "No such project.".into())?;
    policy::in_a_project(caller)
}

/// Whether the caller may list images at all.
pub fn list_images(caller: &Caller) -> Verdict {
    if caller.is_admin() || caller.has(Role::Reader) { Verdict::Allowed } else { Verdict::Forbidden }
}

/// The images that the caller sees, of the visibility and the membership that it asks for.
///
/// With [`PageVisibility::All`] and [`Membership::All`] these are all the images that exist for the caller; every other
/// question picks from them.
///
/// # Errors
/// `Forbidden` for somebody without a role, and for a question about a project without one.
pub fn seen(caller: &Caller, visibility: Option<PageVisibility>, membership: Membership) -> Result<Vec<Part>> {
    use Visibility::{Community, Private, Public, Shared};
    list_images(caller)
        .or(|| "You have no role in this project that lists images.".into(), || "No such project.".into())?;
    // Kinds are a project's view of images, the admin's own project too.
    let project = match (visibility, &caller.project) {
        (Some(PageVisibility::Kind(_)), _) => policy::in_a_project(caller)?,
        (_, Some(project)) if !caller.is_admin() => project.id,
        (Some(PageVisibility::Only(visibility)), _) => return Ok(vec![Part::Every(Some(visibility))]),
        _ => return Ok(vec![Part::Every(None)]),
    };
    let own = |visibility| Part::Own(project, Some(visibility));
    let shared = Part::SharedWith(project, seen_memberships(membership));
    let mut parts = match visibility {
        None => vec![Part::Own(project, None), Part::OpenOfOthers(Public, project), shared],
        Some(PageVisibility::All) => vec![
            Part::Own(project, None),
            Part::OpenOfOthers(Public, project),
            shared,
            Part::OpenOfOthers(Community, project),
        ],
        Some(PageVisibility::Only(Private)) => vec![own(Private)],
        Some(PageVisibility::Only(Shared)) => vec![own(Shared), shared],
        Some(PageVisibility::Only(open @ (Public | Community))) => vec![Part::Open(open, project)],
        Some(PageVisibility::Kind(Kind::Public)) => vec![Part::Open(Public, project)],
        Some(PageVisibility::Kind(Kind::Private)) => vec![own(Private), own(Shared), own(Community)],
        Some(PageVisibility::Kind(Kind::Shared)) => vec![shared],
        Some(PageVisibility::Kind(Kind::Community)) => vec![Part::OpenOfOthers(Community, project)],
    };
    parts.retain(|part| !matches!(part, Part::SharedWith(_, [])));
    Ok(parts)
}

/// An image that a project has rejected is in none of its lists.
fn seen_memberships(wanted: Membership) -> &'static [MemberStatus] {
    match wanted {
        Membership::All => &[MemberStatus::Pending, MemberStatus::Accepted],
        Membership::Only(MemberStatus::Pending) => &[MemberStatus::Pending],
        Membership::Only(MemberStatus::Accepted) => &[MemberStatus::Accepted],
        Membership::Only(MemberStatus::Rejected) => &[],
    }
}

/// Whether an image is in this part of what somebody sees. `db::image_pages` says the same in SQL.
fn has(part: &Part, image: &ImageFacts) -> bool {
    let is_open = |visibility| image.visibility == visibility && !image.is_held_back;
    match *part {
        Part::Every(visibility) => visibility.is_none_or(|wanted| wanted == image.visibility),
        Part::Own(project, visibility) => {
            image.owner == project && visibility.is_none_or(|wanted| wanted == image.visibility)
        }
        Part::Open(visibility, project) => {
            image.visibility == visibility && (image.owner == project || !image.is_held_back)
        }
        Part::OpenOfOthers(visibility, project) => image.owner != project && is_open(visibility),
        Part::SharedWith(project, statuses) => {
            let is_member = image.membership.is_some_and(|status| statuses.contains(&status));
            is_open(Visibility::Shared) && image.owner != project && is_member
        }
    }
}

/// Whether the caller may make an image public.
pub fn publish_image(caller: &Caller) -> Result<()> {
    policy::only_admins(caller, "Only an admin makes an image public; share it with your projects instead.")
}

/// Whether the caller may say why an image is public that did not pass its verification.
pub fn override_verification(caller: &Caller) -> Result<()> {
    policy::only_admins(caller, "Only an admin gives a reason for an image to be public unverified.")
}

/// Whether the caller may give an image to another project.
pub fn give_image(caller: &Caller) -> Result<()> {
    policy::only_admins(caller, "Only an admin gives an image another owner.")
}

/// Whether the caller sees where stores are and how much room they have.
pub fn see_store_details(caller: &Caller) -> Result<()> {
    policy::only_admins(caller, "Only an admin sees the details of stores.")
}

/// Whether the caller manages the cache of images.
pub fn manage_cache(caller: &Caller) -> Result<()> {
    policy::only_admins(caller, "Only an admin manages the cache of images.")
}

/// Whether the caller may share images with a project, which it `belongs` to or not, where sharing reaches only the
/// caller's own projects.
pub fn share_with_own(caller: &Caller, belongs: bool) -> bool {
    belongs || caller.is_admin()
}

/// Whether the caller accepts and rejects in the name of this project.
pub fn decide_for(caller: &Caller, project: ProjectId) -> bool {
    caller.is_admin() || is_own(caller, project)
}

/// Whether the caller sees this project among the members of another's image: a member sees only itself.
pub fn see_member(caller: &Caller, owner: ProjectId, member: ProjectId) -> bool {
    caller.is_admin() || is_own(caller, owner) || is_own(caller, member)
}

/// Whether the caller sees why an image of this owner is shared, and the history of all of its shares.
pub fn see_reasons_of_shares(caller: &Caller, owner: ProjectId) -> bool {
    caller.is_admin() || is_own(caller, owner)
}

/// Whether the caller sees the tasks of an image of this owner: the input of an import may hold an address
/// that is a secret of the owner.
pub fn see_tasks_of_image(caller: &Caller, owner: ProjectId) -> bool {
    caller.is_admin() || is_own(caller, owner)
}

/// Whether the caller sees who released what in a channel of this project, and how many instances of others it has.
pub fn see_channel_history(caller: &Caller, owner: ProjectId) -> Result<()> {
    if caller.is_admin() || caller.has_in(owner, Role::Reader) {
        return Ok(());
    }
    Err(Error::Forbidden("Only the project of a channel sees its history.".into()))
}

fn is_own(caller: &Caller, project: ProjectId) -> bool {
    caller.project.as_ref().is_some_and(|own| own.id == project)
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
    let mut seen = seen(caller, Some(PageVisibility::All), Membership::All).unwrap_or_default();
    if caller.has(Role::Reader) {
        // It is in no list, and its record and the membership are still shown by their address: a project may change its
        // mind, and a client that rejects reads what it wrote.
        seen.push(Part::SharedWith(project.id, &[MemberStatus::Rejected]));
    }
    if !seen.iter().any(|part| has(part, &image)) {
        return Relation::Stranger;
    }
    match image.membership {
        _ if project.id == image.owner => Relation::Owner(role),
        Some(status) if image.visibility == Visibility::Shared => Relation::Member(status, role),
        _ => Relation::Public(role),
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
        ImageFacts { owner, visibility, is_held_back: false, is_deactivated: false, membership }
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
        assert_eq!(row(&member, facts(own, Shared, Some(Rejected))), [Y, F, F, F, F, F, Y, Y]);
        assert_eq!(row(&reader, facts(own, Shared, Some(Rejected))), [Y, F, F, F, F, F, Y, F]);
        assert_eq!(row(&member, ImageFacts { is_held_back: true, ..facts(own, Shared, Some(Rejected)) }), [H; 8]);
        assert_eq!(row(&reader, facts(own, Shared, Some(Accepted))), [Y, F, F, F, F, F, Y, F]);
        assert_eq!(row(&reader, facts(own, Shared, Some(Pending))), [Y, F, F, F, F, F, Y, F]);
        for visibility in [Community, Public] {
            assert_eq!(row(&member, facts(own, visibility, None)), [Y, Y, Y, F, F, F, F, F]);
            assert_eq!(row(&reader, facts(own, visibility, None)), [Y, F, F, F, F, F, F, F]);
        }
        for person in [&member, &reader] {
            assert_eq!(row(person, facts(own, Private, None)), [H; 8]);
            assert_eq!(row(person, facts(own, Shared, None)), [H; 8]);
            // Membership counts only while the image is shared, and not held back.
            assert_eq!(row(person, facts(own, Private, Some(Accepted))), [H; 8]);
            for (visibility, membership) in [(Shared, Some(Accepted)), (Community, None), (Public, None)] {
                let held = ImageFacts { is_held_back: true, ..facts(own, visibility, membership) };
                assert_eq!(row(person, held), [H; 8]);
            }
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

    /// No question shows what is not there for the caller, and no image comes twice.
    #[test]
    fn every_list_picks_from_what_is_shown() {
        use MemberStatus::{Accepted, Pending, Rejected};
        use Visibility::{Community, Private, Public, Shared};
        let (own, other) = (ProjectId::new(), ProjectId::new());
        let only = [Private, Shared, Community, Public].map(PageVisibility::Only);
        let kinds = [Kind::Public, Kind::Private, Kind::Shared, Kind::Community].map(PageVisibility::Kind);
        let questions = [&[None, Some(PageVisibility::All)][..], &only.map(Some), &kinds.map(Some)].concat();
        let memberships = [Accepted, Pending, Rejected].map(Membership::Only);
        for (role, owner) in [(Role::Admin, other), (Role::Member, own), (Role::Member, other), (Role::Reader, other)] {
            let caller = caller(own, Some(role));
            for visibility in [Private, Shared, Community, Public] {
                for (membership, is_held_back) in [
                    (None, false),
                    (None, true),
                    (Some(Pending), false),
                    (Some(Accepted), false),
                    (Some(Accepted), true),
                    (Some(Rejected), false),
                ] {
                    let image = ImageFacts { is_held_back, ..facts(owner, visibility, membership) };
                    let times = |question, membership| {
                        let parts = seen(&caller, question, membership).unwrap();
                        parts.iter().filter(|part| has(part, &image)).count()
                    };
                    let is_shown = super::image(&caller, Show, image) == Y;
                    // By its address alone.
                    let is_rejected = visibility == Shared && membership == Some(Rejected) && owner == other;
                    let is_listed = is_shown && (!is_rejected || role == Role::Admin);
                    assert_eq!(times(Some(PageVisibility::All), Membership::All), usize::from(is_listed), "{image:?}");
                    for question in &questions {
                        for membership in [&memberships[..], &[Membership::All]].concat() {
                            assert!(times(*question, membership) <= usize::from(is_shown), "{question:?}: {image:?}");
                        }
                    }
                }
            }
        }
    }
}
