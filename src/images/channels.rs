//! Channels: a name under which a project releases one image after the other.
//!
//! ```text
//! image ─ promote ─► current ─ another is promoted ─► older ─ promoted again, rolled back to ─► current
//! ```
//!
//! - The current release carries the channel's name and is listed; older ones carry it too and are hidden (`os_hidden`), and
//!   both change in one transaction. So clients that know nothing of channels find the current one by its name.
//! - No image of the project is listed under the name of one of its channels, but for the current release.
//! - A release takes over the visibility and the members of the one whose place it takes: whoever saw that one sees this one.
//! - The gate is the one before *public* ([`super::publish`]); a reason opens it, and stays in the history.
//! - There are no rights of channels: who sees the current release sees the channel, who may change it may release.
//! - A date withdraws a release: from then on it is `deactivated`, by the clock.

use super::{CHANGE_ATTEMPTS, Image, Images, Status, Visibility, facts_of, publish, record};
use crate::{
    db::{channels::KEPT_STEPS, now_ms},
    error::{Error, Result},
    identity::{
        Caller,
        image_policy::{self, ImageAction, Verdict},
    },
    ids::{ChannelId, ImageId, ProjectId},
    model::{
        Step,
        channel::{Channel, ChannelStep, ChannelsWanted, Promotion, Release, ReleaseInstance, StepKind},
        member::MemberStatus,
    },
};

/// Channels of a project: a name for each system that it keeps, many times over.
const MAX_CHANNELS: i64 = 100;
/// Releases of a channel that are not deleted. They are listed without pages, each with its notes.
const MAX_RELEASES: i64 = 100;
/// Bytes of a release's notes: some pages, and all of a channel's fit into one answer.
const MAX_NOTES_BYTES: usize = 16_384;
/// Characters of a reason, as of other texts for the audit.
const MAX_REASON: usize = 1024;
/// Instances on older releases that are named: as many as a page has at most.
const MAX_INSTANCES: u32 = 1000;

/// A channel as a caller sees it.
#[derive(Clone, Debug)]
pub struct SeenChannel {
    pub channel: Channel,
    pub current: Release,
}

/// A page of channels, by name.
#[derive(Clone, Debug)]
pub struct ChannelPage {
    pub channels: Vec<SeenChannel>,
    /// The channel that the next page begins after.
    pub next: Option<ChannelId>,
}

/// An image that is to become the current release.
#[derive(Clone, Debug)]
pub struct NewRelease {
    pub image: ImageId,
    /// The notes of a new release; those of one that is promoted again stay where none are given.
    pub notes: Option<String>,
    /// Why it is promoted although its verification speaks against it.
    pub reason: Option<String>,
    /// The number of the release that is current as far as the caller knows.
    pub from: Option<i64>,
}

/// The instances that run other releases than the current one.
#[derive(Clone, Debug)]
pub struct OlderInstances {
    /// Those of the caller's project.
    pub own: Vec<ReleaseInstance>,
    /// How many others have; `None` where that is not for the caller to know.
    pub elsewhere: Option<i64>,
}

impl Images {
    /// A page of the channels that the caller's project has, and of those of others that it sees in its lists.
    ///
    /// # Errors
    /// `Forbidden` for somebody without a role; `NotFound` for a marker that is no channel.
    pub async fn channels(&self, caller: &Caller, marker: Option<&str>, limit: u32) -> Result<ChannelPage> {
        image_policy::list_images(caller)
            .or(|| "You have no role in this project that lists channels.".into(), || "No such project.".into())?;
        let after = match marker {
            Some(marker) => {
                let SeenChannel { channel, .. } = self.channel(caller, marker).await?;
                Some((channel.name, channel.id))
            }
            None => None,
        };
        let found = self.0.db.channels(&ChannelsWanted { after, limit, ..wanted_by(caller) }).await?;
        let next = (found.len() == limit as usize).then(|| found.last().map(|(channel, _)| channel.id)).flatten();
        Ok(ChannelPage { channels: self.seen_of(caller, found), next })
    }

    /// A channel by its id or its name: the one of the caller's project where it has one of this name.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where several projects show the caller one of this name.
    pub async fn channel(&self, caller: &Caller, named: &str) -> Result<SeenChannel> {
        let missing = || Error::NotFound(format!("No channel '{}' was found.", short(named)));
        if named.is_empty() {
            return Err(missing());
        }
        let found = ChannelsWanted { named: Some(named.to_owned()), limit: MAX_INSTANCES, ..wanted_by(caller) };
        let mut seen = self.seen_of(caller, self.0.db.channels(&found).await?);
        let own = caller.project.as_ref().map(|project| project.id);
        let is_it = |channel: &Channel| channel.id.to_string() == named || Some(channel.project) == own;
        if let Some(at) = seen.iter().position(|seen| is_it(&seen.channel)) {
            return Ok(seen.swap_remove(at));
        }
        // Anybody opens an image to all, or offers one: that takes no name from a channel that is public or was accepted.
        let trust = |seen: &SeenChannel| match (seen.current.image.visibility, seen.current.membership) {
            (Visibility::Public, _) => 0,
            (Visibility::Shared, Some(MemberStatus::Accepted)) => 1,
            _ => 2,
        };
        if let Some(best) = seen.iter().map(trust).min() {
            seen.retain(|seen| trust(seen) == best);
        }
        match seen.len() {
            0 | 1 => seen.pop().ok_or_else(missing),
            _ => Err(Error::Conflict(format!(
                "Several projects have a channel '{}': name the one that you mean by its id, which the list of channels tells.",
                short(named)
            ))),
        }
    }

    fn seen_of(&self, caller: &Caller, found: Vec<(Channel, Release)>) -> Vec<SeenChannel> {
        let seen = found.into_iter().filter(|(_, current)| self.sees(caller, current));
        seen.map(|(channel, current)| SeenChannel { channel, current }).collect()
    }

    fn sees(&self, caller: &Caller, release: &Release) -> bool {
        self.verdict_on(caller, ImageAction::Show, release) == Verdict::Allowed
    }

    fn verdict_on(&self, caller: &Caller, action: ImageAction, release: &Release) -> Verdict {
        image_policy::image(caller, action, facts_of(&release.image, self.counted(release.membership)))
    }

    /// A channel's releases that the caller sees, the newest first.
    ///
    /// # Errors
    /// As [`Images::channel`].
    pub async fn releases(&self, caller: &Caller, named: &str) -> Result<(SeenChannel, Vec<Release>)> {
        let seen = self.channel(caller, named).await?;
        let project = caller.project.as_ref().map(|project| project.id);
        let mut releases = self.0.db.releases(seen.channel.id, project).await?;
        releases.retain(|release| self.sees(caller, release));
        Ok((seen, releases))
    }

    /// One release, by its number, its image's id or the digest of its disk. It is the same one at any time; of several with
    /// the same disk the oldest.
    ///
    /// # Errors
    /// As [`Images::channel`]; `NotFound` also for a release that was deleted.
    pub async fn release(&self, caller: &Caller, named: &str, which: &str) -> Result<(SeenChannel, Release)> {
        let (seen, releases) = self.releases(caller, named).await?;
        let number = which.parse::<i64>().ok();
        let image = which.parse::<ImageId>().ok();
        let is_it = |release: &Release| {
            number == Some(release.number)
                || image == Some(release.image.id)
                || release.image.disk_root.as_deref() == Some(which)
        };
        // The oldest first: a later one of the same disk takes no pin over.
        match releases.into_iter().rev().find(is_it) {
            Some(release) => Ok((seen, release)),
            None => Err(Error::NotFound(format!(
                "Channel '{}' has no release '{}', or its image was deleted.",
                seen.channel.name,
                short(which)
            ))),
        }
    }

    /// Makes a channel of an image, which becomes its first release.
    ///
    /// # Errors
    /// Those of [`Images::promote`]; `Invalid` for the name; `Conflict` for one that is taken.
    pub async fn create_channel(&self, caller: &Caller, name: &str, first: &NewRelease) -> Result<SeenChannel> {
        check_name(name)?;
        for _ in 0..CHANGE_ATTEMPTS {
            let image = self.allowed(caller, first.image, ImageAction::Change).await?;
            let channel = Channel {
                id: ChannelId::new(),
                project: image.owner,
                name: name.to_owned(),
                last_number: 0,
                deprecate_ms: None,
                retire_ms: None,
                created_ms: now_ms(),
            };
            let promotion = self.promotion(caller, &channel, None, image, first, StepKind::Promoted).await?;
            if self.0.db.add_channel(&channel, &promotion, MAX_CHANNELS).await? == Step::Done {
                return self.channel(caller, &channel.id.to_string()).await;
            }
        }
        Err(changed_by_others(name))
    }

    /// Makes an image the current release.
    ///
    /// # Errors
    /// `Forbidden` for those who may not change the current release, and for others than admins where it is public;
    /// `Conflict` for an image that is no candidate, whose verification speaks against it, or where another release is
    /// current than the caller knows of; `OverQuota`; `Invalid` for notes and reasons that are too long.
    pub async fn promote(&self, caller: &Caller, named: &str, wanted: &NewRelease) -> Result<SeenChannel> {
        for _ in 0..CHANGE_ATTEMPTS {
            let SeenChannel { channel, current } = self.releasing(caller, named, wanted.from).await?;
            let image = self.allowed(caller, wanted.image, ImageAction::Change).await?;
            if image.id == current.image.id {
                return Err(Error::Conflict(format!(
                    "Image {} is the current release of channel '{}' already.",
                    image.id, channel.name
                )));
            }
            let step = StepKind::Promoted;
            let promotion = self.promotion(caller, &channel, Some(&current), image, wanted, step).await?;
            if self.0.db.promote(&promotion, MAX_RELEASES).await? == Step::Done {
                return self.channel(caller, &channel.id.to_string()).await;
            }
        }
        Err(changed_by_others(named))
    }

    /// Makes the release current whose place the current one took; where that was deleted, the newest older one.
    ///
    /// # Errors
    /// As [`Images::promote`]; `Conflict` where there is no release before.
    pub async fn roll_back(
        &self,
        caller: &Caller,
        named: &str,
        reason: Option<String>,
        from: Option<i64>,
    ) -> Result<SeenChannel> {
        for _ in 0..CHANGE_ATTEMPTS {
            let SeenChannel { channel, current } = self.releasing(caller, named, from).await?;
            let releases = self.0.db.releases(channel.id, None).await?;
            let replaced = releases.iter().find(|release| Some(release.number) == current.replaced);
            let before = replaced.or_else(|| releases.iter().find(|release| release.number < current.number));
            let Some(before) = before.filter(|before| before.number != current.number) else {
                return Err(Error::Conflict(format!(
                    "Channel '{}' has no release before release {}: promote another image.",
                    channel.name, current.number
                )));
            };
            let wanted = NewRelease { image: before.image.id, notes: None, reason: reason.clone(), from };
            let (image, step) = (before.image.clone(), StepKind::RolledBack);
            let promotion = self.promotion(caller, &channel, Some(&current), image, &wanted, step).await?;
            if self.0.db.promote(&promotion, MAX_RELEASES).await? == Step::Done {
                return self.channel(caller, &channel.id.to_string()).await;
            }
        }
        Err(changed_by_others(named))
    }

    /// Deletes a channel; its images stay as they are.
    ///
    /// # Errors
    /// As [`Images::channel`]; `Forbidden`.
    pub async fn delete_channel(&self, caller: &Caller, named: &str) -> Result<ChannelId> {
        let SeenChannel { channel, .. } = self.releasing(caller, named, None).await?;
        self.0.db.delete_channel(channel.id).await?;
        Ok(channel.id)
    }

    /// Sets from when on all releases of a channel are deprecated, and when they are withdrawn.
    ///
    /// # Errors
    /// As [`Images::channel`]; `Forbidden`; `Invalid` for a release that is withdrawn before it is deprecated.
    pub async fn set_channel_dates(&self, caller: &Caller, named: &str, dates: Dates) -> Result<SeenChannel> {
        check_dates(dates)?;
        let SeenChannel { channel, .. } = self.releasing(caller, named, None).await?;
        self.0.db.set_channel_dates(channel.id, dates.0, dates.1).await?;
        self.channel(caller, &channel.id.to_string()).await
    }

    /// Sets a release's notes, from when on it is deprecated, and when it is withdrawn.
    ///
    /// # Errors
    /// As [`Images::set_channel_dates`]; `Conflict` for other dates of the current release than the channel's.
    pub async fn set_release(
        &self,
        caller: &Caller,
        named: &str,
        which: &str,
        notes: &str,
        dates: Dates,
    ) -> Result<(SeenChannel, Release)> {
        check_dates(dates)?;
        check_notes(notes)?;
        for _ in 0..CHANGE_ATTEMPTS {
            let (seen, release) = self.release(caller, named, which).await?;
            self.may_release(caller, &seen)?;
            let own = (release.image.deprecate_ms, release.image.retire_ms);
            let is_current = release.image.is_current_release();
            if is_current && dates != own && dates != (seen.channel.deprecate_ms, seen.channel.retire_ms) {
                return Err(Error::Conflict(format!(
                    "Release {} is the current one of channel '{}': promote another release first, or deprecate and retire \
                     the channel.",
                    release.number, seen.channel.name
                )));
            }
            // The dates of the current one are the channel's; one that was given back since has none.
            let (deprecate_ms, retire_ms) = if is_current { own } else { dates };
            let image = Image { deprecate_ms, retire_ms, ..release.image };
            if self.0.db.set_release(&image, notes).await? == Step::Done {
                return self.release(caller, &seen.channel.id.to_string(), &release.number.to_string()).await;
            }
        }
        Err(changed_by_others(named))
    }

    /// The last steps of a channel, the latest first.
    ///
    /// # Errors
    /// As [`Images::channel`]; `Forbidden` for other projects.
    pub async fn channel_history(&self, caller: &Caller, named: &str) -> Result<Vec<ChannelStep>> {
        let SeenChannel { channel, .. } = self.channel(caller, named).await?;
        image_policy::see_channel_history(caller, channel.project)?;
        self.0.db.channel_steps(channel.id, KEPT_STEPS).await
    }

    /// The instances of the caller's project that run a release which is not the current one; of others their number, for
    /// the channel's project.
    ///
    /// # Errors
    /// As [`Images::channel`].
    pub async fn instances_on_older(&self, caller: &Caller, named: &str) -> Result<OlderInstances> {
        let SeenChannel { channel, .. } = self.channel(caller, named).await?;
        let project = caller.project.as_ref().map(|project| project.id);
        let own = match project {
            Some(project) => self.0.db.instances_on_older(channel.id, project, MAX_INSTANCES).await?,
            None => Vec::new(),
        };
        let besides = project.map(|project: ProjectId| project.to_string()).unwrap_or_default();
        let elsewhere = match image_policy::see_channel_history(caller, channel.project) {
            Ok(()) => Some(self.0.db.count_on_older_elsewhere(channel.id, &besides).await?),
            Err(_) => None,
        };
        Ok(OlderInstances { own, elsewhere })
    }

    /// Withdraws the releases whose time is over. Called by the clock.
    pub async fn retire_due(&self) -> Result<()> {
        let retired = self.0.db.retire_releases(now_ms()).await?;
        if retired > 0 {
            tracing::info!(retired, "withdrew {retired} releases whose time was over");
        }
        Ok(())
    }

    /// The channel, if the caller may release in it, and the current release is the one that it knows of.
    async fn releasing(&self, caller: &Caller, named: &str, from: Option<i64>) -> Result<SeenChannel> {
        let seen = self.channel(caller, named).await?;
        self.may_release(caller, &seen)?;
        match from.filter(|from| *from != seen.current.number) {
            None => Ok(seen),
            Some(from) => Err(Error::Conflict(format!(
                "Release {} is current in channel '{}', and not {from}: look at it again.",
                seen.current.number, seen.channel.name
            ))),
        }
    }

    fn may_release(&self, caller: &Caller, seen: &SeenChannel) -> Result<()> {
        let name = &seen.channel.name;
        self.verdict_on(caller, ImageAction::Change, &seen.current).or(
            || format!("You may not change channel '{name}': that needs the role member in its project."),
            || format!("No channel '{name}' was found."),
        )?;
        if seen.current.image.visibility == Visibility::Public { image_policy::publish_image(caller) } else { Ok(()) }
    }

    /// The image as it is to become current: under the channel's name, listed, and seen by whoever sees the one before.
    async fn promotion(
        &self,
        caller: &Caller,
        channel: &Channel,
        from: Option<&Release>,
        before: Image,
        wanted: &NewRelease,
        action: StepKind,
    ) -> Result<Promotion> {
        check_notes(wanted.notes.as_deref().unwrap_or_default())?;
        let reason = wanted.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        record::check_text("reason", reason.unwrap_or_default(), MAX_REASON)?;
        check_candidate(channel, &before)?;
        self.check_gate(&before, reason).await?;
        let mut image = before.clone();
        (image.name, image.hidden) = (Some(channel.name.clone()), false);
        image.visibility = from.map_or(image.visibility, |from| from.image.visibility);
        if image.visibility == Visibility::Public {
            image_policy::publish_image(caller)?;
        }
        self.apply_hold(&mut image).await?;
        if let (Some(reason), Some(_), true) = (reason, image.public_hold, caller.is_admin()) {
            let mut properties = record::properties_of(&image)?;
            record::set_property(&mut properties, publish::REASON, reason.into())?;
            record::write_properties(&mut image, &properties)?;
            self.apply_hold(&mut image).await?;
        }
        if image.public_hold.is_some() {
            let why = image.public_why.unwrap_or_default();
            return Err(Error::Conflict(format!(
                "Image {} would be kept from those who see channel '{}': {why} Clean a copy of it, or let an administrator \
                 promote it with a reason.",
                image.id, channel.name
            )));
        }
        self.record_override(caller, image.id, Some(&before), &image).await?;
        Ok(Promotion {
            channel: channel.id,
            action,
            from: from.map(|from| from.image.clone()),
            former_name: before.name.filter(|_| before.channel_id.is_none()),
            image,
            notes: wanted.notes.clone(),
            reason: reason.map(str::to_owned),
            user_id: caller.user.id,
            user_name: caller.user.name.clone(),
            most_members: record::MAX_MEMBERS as i64,
            now_ms: now_ms(),
        })
    }

    /// The gate before *public*, whoever will see the release.
    async fn check_gate(&self, image: &Image, reason: Option<&str>) -> Result<()> {
        let public = Image { visibility: Visibility::Public, ..image.clone() };
        match self.hold_of(&public).await? {
            Some((_, why)) if reason.is_none() => Err(Error::Conflict(format!(
                "Image {} did not pass its verification and is not released: {why} Wait for its verification, clean a copy \
                 of it, or give a reason.",
                image.id
            ))),
            _ => Ok(()),
        }
    }
}

/// From when on something is deprecated, and when it is withdrawn, in milliseconds since 1970.
pub type Dates = (Option<i64>, Option<i64>);

/// Refuses changes of a release that only its channel makes.
pub(super) fn check_change(before: &Image, after: &Image) -> Result<()> {
    let is_own = (&before.name, before.hidden, before.owner) == (&after.name, after.hidden, after.owner);
    let (Some(number), false) = (before.release_number, is_own) else { return Ok(()) };
    Err(Error::Conflict(format!(
        "Image {} is release {number} of channel '{}', which names, shows and hides its releases: promote another one, or \
         delete the channel.",
        before.id,
        before.name.as_deref().unwrap_or_default()
    )))
}

/// Refuses to delete the current release of a channel.
pub(super) fn check_deletion(image: &Image) -> Result<()> {
    if !image.is_current_release() {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "Image {} is the current release of channel '{}' and is not deleted: promote another release, or delete the channel \
         first.",
        image.id,
        image.name.as_deref().unwrap_or_default()
    )))
}

/// Whether an image can be a release of this channel at all.
fn check_candidate(channel: &Channel, image: &Image) -> Result<()> {
    let refuse = |why: String| Err(Error::Conflict(format!("Image {} cannot be released: {why}", image.id)));
    match image.channel_id {
        Some(other) if other != channel.id => {
            return refuse("it is a release of another channel, and an image is of one at most.".into());
        }
        _ if image.owner != channel.project => {
            return refuse("it belongs to another project than the channel.".into());
        }
        _ => {}
    }
    if image.status == Status::Active { Ok(()) } else { refuse(format!("it is not active but {}.", image.status)) }
}

fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.parse::<ChannelId>().is_ok() {
        return Err(Error::Invalid("A channel's name must not be empty, and not be a UUID.".into()));
    }
    record::check_text("name", name, record::MAX_NAME)
}

fn check_notes(notes: &str) -> Result<()> {
    if notes.len() > MAX_NOTES_BYTES {
        return Err(Error::Invalid(format!(
            "The notes of a release have at most {MAX_NOTES_BYTES} bytes: shorten them."
        )));
    }
    record::check_text("notes", notes, MAX_NOTES_BYTES)
}

fn check_dates((deprecate, retire): Dates) -> Result<()> {
    match (deprecate, retire) {
        (Some(deprecate), Some(retire)) if retire < deprecate => {
            Err(Error::Invalid("A release is not retired before it is deprecated: give a later date.".into()))
        }
        _ => Ok(()),
    }
}

/// A channel's part of a question: the caller's project, and whether it sees every other.
fn wanted_by(caller: &Caller) -> ChannelsWanted {
    ChannelsWanted {
        project: caller.project.as_ref().map(|project| project.id),
        all: caller.is_admin(),
        ..ChannelsWanted::default()
    }
}

fn changed_by_others(named: &str) -> Error {
    Error::Conflict(format!("Channel '{}' is being changed by others at the same time; try again.", short(named)))
}

/// As much of a client's text as is repeated to it.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
