//! The verification of images: what is inside, looked at once for each content, stated and signed.
//!
//! ```text
//! active ─ job ─► format rules again ─► look (or what is known of this disk) ─► statement ─► facts, public or held
//! ```
//!
//! Content is never changed by looking. Of the record only names that begin with `os_` are filled in, where their owner
//! left them open: a client that declares a record (Terraform's provider) takes those for the service's own, and sets
//! everything else back at its next run. All other facts stay beside the record ([`Found`]).

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{Image, Images, Status, publish, record};
use crate::{
    config::Rule,
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::ImageId,
    inspect::{Inspector, Statement, Verdict, formats, statement},
    model::{
        Step,
        image::PublicHold,
        job::JobState,
        verification::{VerificationRow, VerificationState},
    },
    queue::{Job, Work},
};

/// The properties that are filled in when it is known what system is inside.
pub const FOUND_PROPERTIES: [&str; 3] = ["os_type", "os_distro", "os_version"];
/// Verifications that are added at a time when the rules have grown; the next time adds the next.
const ADD_AT_ONCE: u32 = 10_000;

/// The state of an image's verification, and its result.
#[derive(Clone, Debug)]
pub struct Verification {
    pub state: VerificationState,
    /// Percent, while it runs.
    pub progress: Option<i64>,
    /// The signed statement, as JSON.
    pub envelope: Option<Value>,
    /// The statement in it, when its signature is good.
    pub statement: Option<Statement>,
}

/// The facts about a disk that a launch goes by where the image's owner says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The processor that its system is for, in OpenStack's words.
    pub architecture: Option<String>,
    /// `bios` or `uefi`, where it boots with one of them only.
    pub firmware: Option<&'static str>,
}

impl Found {
    fn of(facts: &guest::Facts) -> Found {
        let firmware = facts.boot.known().and_then(|boot| match (boot.bios, boot.uefi) {
            (true, false) => Some("bios"),
            (false, true) => Some("uefi"),
            _ => None,
        });
        Found { architecture: facts.architecture.known().cloned(), firmware }
    }
}

impl Images {
    /// The inspector of this deployment.
    pub fn inspector(&self) -> &Inspector {
        &self.0.inspector
    }

    /// The state of an image's verification, and its result.
    ///
    /// # Errors
    /// `NotFound` when there is no image that the caller may see.
    pub async fn verification(&self, caller: &Caller, id: ImageId) -> Result<Verification> {
        let image = self.allowed(caller, id, ImageAction::Show).await?;
        let row = self.0.db.verification(id).await?;
        let envelope = row.as_ref().map(|row| serde_json::from_str(&row.statement)).transpose();
        let job = self.0.db.job_named(&Work::verification_of(id)).await?;
        let statement = self.statement_of(&image).await?.ok();
        let (state, progress) = match job {
            Some((JobState::Running, progress)) => (VerificationState::Running, progress.or(Some(0))),
            Some((_, progress)) => (VerificationState::Waiting, progress.or(Some(0))),
            None if row.is_some() => (VerificationState::Done, None),
            None => (VerificationState::None, None),
        };
        Ok(Verification { state, progress, envelope: envelope.map_err(Error::internal)?, statement })
    }

    /// Verifies an image again.
    ///
    /// # Errors
    /// `Forbidden` for others than the image's project; `Conflict` while it has no bytes.
    pub async fn verify_again(&self, caller: &Caller, id: ImageId) -> Result<()> {
        let image = self.allowed(caller, id, ImageAction::Change).await?;
        if image.disk_root.is_none() {
            return Err(Error::Conflict(format!("Image {id} has no bytes yet; it is verified once it has.")));
        }
        self.0.queue.add(Work::Verify { image: id }, Some(caller)).await
    }

    /// The statement about the image's present disk by today's rules and this deployment's key; else why there is none.
    pub(super) async fn statement_of(&self, image: &Image) -> Result<Result<Statement, &'static str>> {
        let Some(row) = self.0.db.verification(image.id).await? else {
            return Ok(Err("It has not been verified yet."));
        };
        let statement = match statement::read(self.0.inspector.key(), &row.statement) {
            Ok(statement) => statement,
            Err(error) => {
                tracing::error!(image.id = %image.id, "the verification of image {} is not believed: {error:#}", image.id);
                return Ok(Err("Its verification is not signed by this deployment."));
            }
        };
        let is_of_it = statement.subject.image == image.id.to_string()
            && Some(&statement.subject.disk_root) == image.disk_root.as_ref();
        Ok(match () {
            () if !is_of_it => Err("Its verification is about another disk."),
            () if !statement.is_current() => Err("Its verification was made by older rules."),
            () => Ok(statement),
        })
    }

    /// Verifies an image. The body of a job; a second run does no harm.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read now.
    pub async fn verify(&self, id: ImageId, job: &Job) -> Result<()> {
        let Some((image, _)) = self.0.db.image(id, None).await? else { return Ok(()) };
        let is_ready = matches!(image.status, Status::Active | Status::Deactivated);
        let Some(root) = image.disk_root.clone().filter(|_| is_ready) else { return Ok(()) };
        job.progress(5).await?;
        let format = self.judge_again(&image).await?;
        job.progress(20).await?;
        // A look may take minutes, and the end of the service does not wait for it.
        let look = tokio::select! {
            look = self.look_at(&image, &root) => look?,
            () = job.stop.cancelled() => return Err(Error::Unavailable("stopped; it is verified later".into())),
        };
        job.progress(90).await?;
        let broken_rules = i64::from(format.is_err());
        let predicate = statement::Predicate::of(format, look);
        let subject =
            statement::Subject { image: id.to_string(), disk_root: root.clone(), file_sha512: image.os_hash.clone() };
        let signed = statement::sign(self.0.inspector.key(), &subject, &predicate)?;
        let row = VerificationRow { disk_root: root, rules: self.rules(), statement: signed };
        if self.0.db.keep_verification(id, &row, predicate.outcome(broken_rules)).await? {
            tracing::info!(image.id = %id, verdict = ?predicate.verdict, "verified image {id}: {:?}", predicate.verdict);
            self.settle(id, predicate.report.as_ref()).await?;
        }
        Ok(())
    }

    /// Judges an uploaded file by the present rules of its format. A rendered file needs no judge.
    async fn judge_again(&self, image: &Image) -> Result<Result<(), String>> {
        let Some(file) = &image.file_root else { return Ok(Ok(())) };
        let reader = self.reader(image, file).await?;
        let limits = disks::Limits { virtual_size_bytes: self.0.settings.max_size_bytes };
        let declared = image.disk_format.as_deref().unwrap_or_default();
        match formats::judge(&reader, declared, limits).await {
            Ok(_) => {
                self.0.db.set_checked_by(image.id, formats::CHECKER_VERSION).await?;
                Ok(Ok(()))
            }
            Err(Error::Refused { message, .. }) => Ok(Err(message)),
            Err(other) => Err(other),
        }
    }

    /// Before an instance boots from it: a file that was accepted by older rules is judged by today's.
    ///
    /// # Errors
    /// `Invalid` with the rule that it breaks.
    pub(super) async fn judge_by_todays_rules(&self, image: &Image) -> Result<()> {
        if self.0.db.checked_by(image.id).await?.is_none_or(|version| version == formats::CHECKER_VERSION) {
            return Ok(());
        }
        let refuse = |why| Error::Invalid(format!("Image {} was accepted by older rules. {why}", image.id));
        self.judge_again(image).await?.map_err(refuse)
    }

    /// The report about a disk: a known one, or one made now.
    async fn look_at(&self, image: &Image, root: &str) -> Result<Result<guest::Report, String>> {
        let version = i64::from(guest::RULES);
        if let Some(known) = self.0.db.disk_report(root, version).await?
            && let Ok(report) = serde_json::from_str(&known)
        {
            return Ok(Ok(report));
        }
        let reader = self.reader(image, root).await?;
        let look = self.0.inspector.look(Arc::new(reader), guest::Scope::Everything).await?;
        if let Ok(report) = &look
            && report.incomplete.is_none()
        {
            let text = serde_json::to_string(report).map_err(Error::internal)?;
            self.0.db.keep_disk_report(root, version, &text).await?;
        }
        Ok(look)
    }

    /// Fills in what the owner left open, and lets the image be public or holds it back.
    async fn settle(&self, id: ImageId, report: Option<&guest::Report>) -> Result<()> {
        for _ in 0..super::CHANGE_ATTEMPTS {
            let Some((before, _)) = self.0.db.image(id, None).await? else { return Ok(()) };
            let mut image = before.clone();
            if let Some(report) = report {
                fill_in(&mut image, report)?;
            }
            self.apply_hold(&mut image).await?;
            if image == before || self.0.db.update_image(&image).await? == Step::Done {
                return Ok(());
            }
        }
        Err(Error::Unavailable(format!("image {id} is being changed by others at the same time")))
    }

    /// Looks once more at an image that was just written as waiting for its verification: the verification may have
    /// ended between the look at its statement and the writing, and saw an image that nothing held back.
    pub(super) async fn settle_pending(&self, image: &Image) -> Result<()> {
        if image.public_hold == Some(PublicHold::Pending) { self.settle(image.id, None).await } else { Ok(()) }
    }

    /// Adds the verification of images that have none by today's rules, and sets what others may see right by today's
    /// settings. Called at the start and by the clock.
    pub async fn verify_due(&self) -> Result<()> {
        let due = self.0.db.unverified_images(&self.rules(), ADD_AT_ONCE).await?;
        if !due.is_empty() {
            self.0.db.forget_verdicts(&self.rules()).await?;
        }
        for id in due {
            self.0.queue.add(Work::Verify { image: id }, None).await?;
        }
        for id in self.0.db.offered_images(self.0.inspector.settings().share == Rule::Refuse).await? {
            self.settle(id, None).await?;
        }
        self.0.db.forget_disk_reports().await
    }

    /// The facts about an image's disk; nothing before it is verified.
    pub(super) async fn found_in(&self, image: &Image) -> Result<Found> {
        let report = self.statement_of(image).await?.ok().and_then(|statement| statement.predicate.report);
        Ok(report.map(|report| Found::of(&report.facts)).unwrap_or_default())
    }

    /// The reason not to share an image, if there is one: its findings of high severity, or the bounds behind which
    /// there may be some.
    pub(super) async fn sharing_concern(&self, image: &Image) -> Result<Option<String>> {
        Ok(self.statement_of(image).await?.ok().and_then(|statement| concern_of(&statement)))
    }

    /// The versions of the rules and the key, as rows have them: when one of them changes, a statement is made anew.
    fn rules(&self) -> String {
        format!("{}.{} {}", formats::CHECKER_VERSION, guest::RULES, self.0.inspector.key().id())
    }

    /// Whether a statement lets its image be public.
    pub(super) fn passes(statement: &Statement) -> bool {
        statement.predicate.verdict == Verdict::Passed
    }
}

/// Why an image should not be shared of which this is stated.
pub(super) fn concern_of(statement: &Statement) -> Option<String> {
    let Some(report) = &statement.predicate.report else {
        return Some("Nobody could look into this image: verify it again.".into());
    };
    let found: Vec<String> =
        report.high_findings().map(|finding| format!("{} ({})", finding.id, finding.place)).take(8).collect();
    let findings = (!found.is_empty())
        .then(|| format!("This image contains data that should not be shared: {}.", found.join(", ")));
    let concerns: Vec<String> = findings.into_iter().chain(statement::unseen(report)).collect();
    (!concerns.is_empty()).then(|| concerns.join(" "))
}

/// Sets the usual properties where the owner gave none, when it is known what system this is.
fn fill_in(image: &mut Image, report: &guest::Report) -> Result<()> {
    let facts = &report.facts;
    let Some(family) = facts.family.known() else { return Ok(()) };
    let mut properties: BTreeMap<String, String> = record::properties_of(image)?;
    let family = match family {
        guest::Family::Linux => "linux",
        guest::Family::Windows => "windows",
    };
    let found = [Some(family.to_owned()), facts.distribution.known().cloned(), facts.version.known().cloned()];
    for (name, value) in FOUND_PROPERTIES.into_iter().zip(found) {
        if let Some(value) = value.filter(|value| !value.is_empty() && !properties.contains_key(name)) {
            // One that does not fit beside the owner's own is left out.
            let mut more = properties.clone();
            if record::set_property(&mut more, name, value.into()).is_ok() {
                properties = more;
            }
        }
    }
    record::write_properties(image, &properties)
}

/// The reason for which an admin lets an image be public despite its verification.
pub(super) fn override_of(image: &Image) -> Result<Option<String>> {
    let mut properties = record::properties_of(image)?;
    Ok(properties.remove(publish::REASON).filter(|reason| !reason.trim().is_empty()))
}
