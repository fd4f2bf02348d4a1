//! Shares: members on terms, that may end by a date, their history and their use.
//!
//! ```text
//! shared ─► pending ◄─► accepted ◄─► rejected       each ─► ended by its owner, or expired
//! ```
//!
//! - A share is a member of the Image API: there it has no terms, and one that is made there has no end.
//! - From its end on a share is none, by the time and not by the clock's work: the clock only takes the row away.
//! - The reason is the owner's. A receiver is told its own share, the note, and the steps of images that it could see.

use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
};

use super::{
    Image, Images, Visibility,
    members::{check_shareable, no_such_member},
    record,
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::{
        Caller,
        audit::Event,
        image_policy::{self, ImageAction},
    },
    ids::{ImageId, ProjectId},
    model::{
        Step,
        event::Outcome,
        share::{HistoryWanted, Offer, Share, ShareEvent, ShareUse, Terms},
    },
};

/// Bytes of a reason: a sentence or two.
const MAX_SHARE_REASON_BYTES: usize = 1024;
/// Bytes of a note to a receiver: some paragraphs.
const MAX_NOTE_BYTES: usize = 4096;
/// The uses that a history tells beside its steps.
const MAX_USES: u32 = 256;
/// Ends that are written into the audit at a time.
const TOLD_AT_ONCE: u32 = 100;
/// Images by receivers whose downloads are counted and not written down yet: some ten seconds' worth, of 48 bytes each.
const MAX_UNWRITTEN: usize = 10_000;

/// Downloads by image and receiver.
pub(super) type Downloads = HashMap<(ImageId, ProjectId), i64>;

/// A page of a history.
#[derive(Clone, Debug)]
pub struct ShareHistory {
    /// The steps, the latest first.
    pub steps: Vec<ShareEvent>,
    /// The use that was made of the images, the latest first.
    pub uses: Vec<ShareUse>,
}

impl Images {
    /// Shares an image on terms. Returned beside the share is the reason not to share it, if there is one.
    ///
    /// # Errors
    /// As [`Images::add_member`]; `Invalid` for an end that is not to come, and for texts that are too long.
    pub async fn share(
        &self,
        caller: &Caller,
        id: ImageId,
        project: Option<ProjectId>,
        terms: Terms,
    ) -> Result<(Share, Option<String>)> {
        self.check_sharing()?;
        let terms = checked(terms)?;
        let (member, concern) = self.share_on(caller, id, project, &terms).await?;
        Ok((self.share_of(caller, id, Some(member.project)).await?, concern))
    }

    /// The shares of an image, in the order in which they were made. A receiver sees its own, without the reason.
    ///
    /// # Errors
    /// As [`Images::members`].
    pub async fn shares(&self, caller: &Caller, id: ImageId) -> Result<Vec<Share>> {
        self.check_sharing()?;
        let image = self.allowed(caller, id, ImageAction::SeeMembers).await?;
        check_shareable(&image)?;
        self.shares_of(caller, &image, None).await
    }

    /// The shares with all projects, or with one.
    pub(super) async fn shares_of(
        &self,
        caller: &Caller,
        image: &Image,
        with: Option<ProjectId>,
    ) -> Result<Vec<Share>> {
        if image.visibility != Visibility::Shared {
            return Ok(Vec::new());
        }
        let mut shares = self.0.db.shares(image.id, with).await?;
        shares.retain(|share| image_policy::see_member(caller, image.owner, share.project));
        if !image_policy::see_reasons_of_shares(caller, image.owner) {
            for share in &mut shares {
                share.terms.reason = None;
            }
        }
        Ok(shares)
    }

    /// One share.
    ///
    /// # Errors
    /// As [`Images::member`].
    pub async fn share_of(&self, caller: &Caller, id: ImageId, project: Option<ProjectId>) -> Result<Share> {
        self.check_sharing()?;
        let image = self.allowed(caller, id, ImageAction::SeeMembers).await?;
        check_shareable(&image)?;
        let project = project.ok_or_else(|| no_such_member(id))?;
        self.shares_of(caller, &image, Some(project)).await?.pop().ok_or_else(|| no_such_member(id))
    }

    /// Sets the terms of a share anew.
    ///
    /// # Errors
    /// As [`Images::share`]; `NotFound` when it is not shared with that project, or no more.
    pub async fn set_share(
        &self,
        caller: &Caller,
        id: ImageId,
        project: Option<ProjectId>,
        terms: Terms,
    ) -> Result<Share> {
        self.check_sharing()?;
        let image = self.allowed(caller, id, ImageAction::Share).await?;
        check_shareable(&image)?;
        let terms = checked(terms)?;
        let project = project.filter(|_| image.visibility == Visibility::Shared).ok_or_else(|| no_such_member(id))?;
        match self.0.db.set_share(id, project, &terms).await? {
            Step::Done => self.share_of(caller, id, Some(project)).await,
            Step::Lost => Err(no_such_member(id)),
        }
    }

    /// The images that wait for the answer of the caller's project, the latest first; after the one that was offered then.
    ///
    /// # Errors
    /// `Forbidden` where nothing is shared and for somebody without a role in a project.
    pub async fn offered(&self, caller: &Caller, after: Option<(i64, ImageId)>, limit: u32) -> Result<Vec<Offer>> {
        self.check_sharing()?;
        let project = image_policy::project_of_lists(caller)?;
        self.0.db.offers(project, after, limit).await
    }

    /// The history of an image's shares. A receiver is told its own part.
    ///
    /// # Errors
    /// `Forbidden` where nothing is shared, and for those who may not see its members; `NotFound`.
    pub async fn share_history(
        &self,
        caller: &Caller,
        id: ImageId,
        after: Option<String>,
        limit: u32,
    ) -> Result<ShareHistory> {
        self.check_sharing()?;
        let image = self.allowed(caller, id, ImageAction::SeeMembers).await?;
        let receiver = match image_policy::see_reasons_of_shares(caller, image.owner) {
            true => None,
            false => Some(image_policy::project_of_lists(caller)?),
        };
        self.history_of(HistoryWanted { image: Some(id), receiver, after, limit }).await
    }

    /// The history of all that was shared with the caller's project.
    ///
    /// # Errors
    /// `Forbidden` where nothing is shared and for somebody without a role in a project.
    pub async fn received_history(&self, caller: &Caller, after: Option<String>, limit: u32) -> Result<ShareHistory> {
        self.check_sharing()?;
        let receiver = Some(image_policy::project_of_lists(caller)?);
        self.history_of(HistoryWanted { image: None, receiver, after, limit }).await
    }

    async fn history_of(&self, wanted: HistoryWanted) -> Result<ShareHistory> {
        // It is read, if a little old, where nothing can be written.
        if let Err(error) = self.write_downloads().await {
            tracing::warn!("downloads of shared images are not written down yet: {error}");
        }
        let mut steps = self.0.db.share_history(&wanted).await?;
        if wanted.receiver.is_some() {
            for step in &mut steps {
                step.reason = None;
            }
        }
        let uses = self.0.db.share_uses(wanted.image, wanted.receiver, MAX_USES).await?;
        Ok(ShareHistory { steps, uses })
    }

    /// Counts a download of an image by a project that it is shared with: here, since a read waits for no write.
    pub fn count_download(&self, caller: &Caller, image: &Image) {
        let Some(project) = caller.project.as_ref().map(|project| project.id) else { return };
        if image.visibility != Visibility::Shared || project == image.owner {
            return;
        }
        let mut downloads = self.downloads();
        if downloads.len() < MAX_UNWRITTEN || downloads.contains_key(&(image.id, project)) {
            *downloads.entry((image.id, project)).or_default() += 1;
        }
    }

    /// Writes the downloads down that were counted. Called by the clock; those after its last turn are lost in a kill.
    ///
    /// # Errors
    /// `Unavailable` when the database takes no writes now: they are counted on.
    pub async fn write_downloads(&self) -> Result<()> {
        let taken = std::mem::take(&mut *self.downloads());
        let mut failed = Ok(());
        for ((image, project), count) in taken {
            if failed.is_ok() {
                failed = self.0.db.count_shared_downloads(image, project, count).await;
            }
            if failed.is_err() {
                *self.downloads().entry((image, project)).or_default() += count;
            }
        }
        failed
    }

    fn downloads(&self) -> MutexGuard<'_, Downloads> {
        self.0.downloads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes away shares whose end has come, some in each turn of the clock, and writes that into the audit. An end is told once more
    /// rather than not at all when the service is killed.
    pub async fn end_due_shares(&self) -> Result<()> {
        self.0.db.end_shares(now_ms()).await?;
        for end in self.0.db.untold_ends(TOLD_AT_ONCE).await? {
            let event = Event {
                request_id: Caller::operator().request_id,
                project_id: Some(end.owner.to_string()),
                action: "image.share.expire".into(),
                target_id: Some(format!("{}/{}", end.image, end.project)),
                outcome: Outcome::Success,
                status: 200,
                ..Event::default()
            };
            self.0.identity.record(event).await?;
            self.0.db.told_end(&end.id).await?;
            tracing::info!(image.id = %end.image, project.id = %end.project, "a share of image {} ended by its date", end.image);
        }
        Ok(())
    }

    /// Forgets the history and the use that were kept long enough. Called by the clock.
    pub async fn forget_shares(&self) -> Result<()> {
        self.0.db.forget_shares(now_ms()).await
    }
}

/// The terms as they are kept.
fn checked(terms: Terms) -> Result<Terms> {
    if let Some(expires_ms) = terms.expires_ms {
        if expires_ms % 1000 != 0 {
            return Err(Error::Invalid("A share ends at a whole second: leave the fraction of expires_at out.".into()));
        }
        if expires_ms <= now_ms() {
            return Err(Error::Invalid(
                "A share's end is to come: give a later expires_at, or end the sharing now by removing the member."
                    .into(),
            ));
        }
    }
    let text = |name: &str, text: Option<String>, most: usize| {
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let length = text.as_ref().map_or(0, String::len);
        if length > most {
            return Err(Error::Invalid(format!("The {name} of a share has at most {most} bytes: shorten it.")));
        }
        record::check_text(name, text.as_deref().unwrap_or_default(), most)?;
        Ok(text)
    };
    Ok(Terms {
        expires_ms: terms.expires_ms,
        reason: text("reason", terms.reason, MAX_SHARE_REASON_BYTES)?,
        note: text("note", terms.note, MAX_NOTE_BYTES)?,
    })
}
