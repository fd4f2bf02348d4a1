//! The import: each image of a Glance brought here, step by step, and both sides compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use openssl::hash::{Hasher, MessageDigest};
use serde_json::Value;
use tokio::{
    fs::OpenOptions,
    io::{AsyncWriteExt as _, BufWriter},
    time::timeout,
};
use tokio_util::io::ReaderStream;

use super::{
    client::Glance,
    folder::{self, Folder},
    record::{Foreign, Standing, differing, is_attribute, said_of},
    report::{Kind, Named, Report, size},
};
use crate::{
    config::SharingScope,
    error::Error,
    identity::{Caller, DEFAULT_DOMAIN, ProjectRef},
    ids::{ImageId, ProjectId},
    images::{Change, Declared, Image, Images, MemberStatus, PACKED, Status, Visibility},
    remote::{ATTEMPTS, Fault, PATIENCE},
};

/// Bytes that are read and written at a time.
const PIECE_BYTES: usize = 1 << 20;
/// A download tells how far it is this often.
const TELL_INTERVAL: Duration = Duration::from_secs(10);
/// A file that breaks off is asked for again after this long.
const PAUSE: Duration = Duration::from_millis(500);

/// How an import goes about it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that remembers which images came.
    pub folder: PathBuf,
    /// Where the bytes of files under way are kept.
    pub parts: PathBuf,
    /// Files that are fetched at the same time.
    pub at_once: usize,
    /// Whether images that are deleted in Glance are deleted here.
    pub deletes: bool,
}

/// An import of the images of one Glance.
pub struct Import<'a> {
    pub images: &'a Images,
    pub glance: &'a Glance,
    pub options: Options,
    /// Tells a person how far it is.
    pub tell: &'a (dyn Fn(String) + Sync),
}

/// Why something was not done.
enum Trouble {
    /// It is so for every image: the run ends.
    Ends(String),
    /// It is about this image.
    Image(String),
}

/// The images of Glance, in the order in which they were made, and those that cannot come.
struct Listed {
    images: Vec<Foreign>,
    unreadable: Vec<(Named, String)>,
}

/// The record that was here before it was brought up to date.
enum Before {
    Nothing,
    Same,
    Other,
    /// Another record, of which this change is refused.
    Refused(String),
}

/// The place of an image in the run.
struct Place {
    at: usize,
    of: usize,
    image: Named,
}

impl Import<'_> {
    /// Brings every image over, and compares.
    ///
    /// # Errors
    /// Glance is away or the store takes nothing; everything that was done is kept.
    pub async fn run(&self) -> anyhow::Result<Report> {
        let folder = Folder::open(&self.options.folder, &self.options.parts)?;
        let listed = self.listed().await?;
        self.check_is_known(&listed)?;
        (self.tell)(format!("{} images in Glance", listed.images.len() + listed.unreadable.len()));
        let report = Mutex::new(Report::default());
        let told = Mutex::new(BTreeMap::new());
        let at = AtomicUsize::new(0);
        let all = futures::stream::iter(listed.images.iter().map(Ok));
        let brought = all.try_for_each_concurrent(self.options.at_once, |there| {
            let (folder, report, told, of) = (&folder, &report, &told, listed.images.len());
            let place = Place { at: at.fetch_add(1, Ordering::Relaxed) + 1, of, image: there.named() };
            async move {
                match self.bring(folder, there, &place, report).await {
                    Ok(()) => Ok(()),
                    Err(Trouble::Ends(why)) => Err(anyhow::anyhow!("{why}; run it again to go on from here")),
                    Err(Trouble::Image(why)) => {
                        (self.tell)(format!("{place}: {why}"));
                        locked(told).insert(there.id, why);
                        Ok(())
                    }
                }
            }
        });
        brought.await?;
        let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
        let troubles = told.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.gone(&listed, &mut report).await?;
        self.compare(&listed, &troubles, &mut report).await?;
        Ok(report)
    }

    /// Compares only, and writes nothing.
    ///
    /// # Errors
    /// Glance or the database is away.
    pub async fn verify(&self) -> anyhow::Result<Report> {
        let listed = self.listed().await?;
        let mut report = Report::default();
        let keeps = Import { options: Options { deletes: false, ..self.options.clone() }, ..*self };
        keeps.gone(&listed, &mut report).await?;
        self.compare(&listed, &BTreeMap::new(), &mut report).await?;
        Ok(report)
    }

    async fn listed(&self) -> anyhow::Result<Listed> {
        let shares = self.images.sharing() != SharingScope::Off;
        let records = self.glance.records().await.map_err(|fault| anyhow::anyhow!("{fault}"))?;
        let mut listed = Listed { images: Vec::new(), unreadable: Vec::new() };
        for (id, record) in records {
            match Foreign::read(&record, shares) {
                Ok(image) => listed.images.push(image),
                Err(why) => {
                    let name = record.get("name").and_then(Value::as_str).unwrap_or("(no name)").to_owned();
                    listed.unreadable.push((Named { id, name }, why));
                }
            }
        }
        // Made here in the same order, so that images of one second are listed alike.
        listed.images.sort_by_key(|image| (image.created_ms, image.id));
        Ok(listed)
    }

    /// Refuses to delete by the list of another Glance, in which nothing is of what came.
    fn check_is_known(&self, listed: &Listed) -> anyhow::Result<()> {
        let noted = folder::noted(&self.options.folder)?;
        let knows = noted.is_empty() || listed.images.iter().any(|image| noted.contains(&image.id));
        anyhow::ensure!(
            knows || !self.options.deletes,
            "none of the images that came is in this Glance, and --delete would delete them all: is it the one that they \
             came from?"
        );
        Ok(())
    }

    /// One image, from its record to its members. Each step does what is still to be done.
    async fn bring(
        &self,
        folder: &Folder,
        there: &Foreign,
        place: &Place,
        report: &Mutex<Report>,
    ) -> Result<(), Trouble> {
        if matches!(there.standing, Standing::UnderWay | Standing::Lost) {
            return Ok(());
        }
        folder.note(there.id).map_err(|error| Trouble::Ends(format!("cannot note an image: {error}")))?;
        let operator = Caller::operator();
        let (here, before) = match self.images.show(&operator, there.id).await {
            Ok(image) => self.update(image, there).await?,
            Err(Error::NotFound(_)) => {
                let mut attributes = there.said.clone();
                attributes.insert("id".into(), there.id.to_string().into());
                let made = self.images.adopt(&operator_in(there.owner), attributes, there.created_ms).await?;
                (made, Before::Nothing)
            }
            Err(error) => return Err(error.into()),
        };
        let bytes = match here.status {
            Status::Queued if there.standing.has_bytes() => Some(self.fill(folder, there, &here, place).await?),
            _ => None,
        };
        let is_changed = self.switch(there, &here, bytes.is_some()).await? | self.share(there).await?;
        if bytes.is_some() || is_changed || !matches!(before, Before::Same) {
            self.images.record_adoption(&here).await?;
        }
        let mut report = locked(report);
        match (bytes, &before) {
            (Some(bytes), _) => {
                (report.brought, report.bytes) = (report.brought + 1, report.bytes + bytes);
                (self.tell)(format!("{place}: {}", size(bytes)));
            }
            (None, Before::Nothing) => {
                report.brought += 1;
                (self.tell)(format!("{place}: its record"));
            }
            (None, Before::Same) if !is_changed => {}
            (None, _) => {
                report.changed += 1;
                (self.tell)(format!("{place}: brought up to date"));
            }
        }
        match before {
            Before::Refused(why) => Err(Trouble::Image(why)),
            _ => Ok(()),
        }
    }

    /// Brings a record up to date.
    async fn update(&self, here: Image, there: &Foreign) -> Result<(Image, Before), Trouble> {
        let operator = Caller::operator();
        let names = differing(&there.said, &said_of(&here)?);
        if names.is_empty() {
            return Ok((here, Before::Same));
        }
        let mut before = Before::Other;
        for name in names {
            let change = match there.said.get(&name) {
                Some(value) => Change::Add(name, value.clone()),
                None if is_attribute(&name) => Change::Add(name, Value::Null),
                None => Change::Remove(name),
            };
            // One by one: a change that is refused keeps no other from being made.
            match self.images.change(&operator, there.id, &[change]).await {
                Ok(_) => {}
                Err(error @ Error::Unavailable(_)) => return Err(error.into()),
                Err(error) => before = Before::Refused(error.to_string()),
            }
        }
        Ok((self.images.show(&operator, there.id).await?, before))
    }

    /// Withholds the image or gives it back, as Glance does; whether one that was here was to be switched.
    async fn switch(&self, there: &Foreign, here: &Image, is_filled: bool) -> Result<bool, Trouble> {
        let operator = Caller::operator();
        let status = if is_filled { Status::Active } else { here.status };
        match (there.standing, status) {
            (Standing::Deactivated, Status::Active) => self.images.deactivate(&operator, there.id).await?,
            // A release that was withdrawn on its date stays so.
            (Standing::Active, Status::Deactivated) if here.retire_ms.is_none() => {
                self.images.reactivate(&operator, there.id).await?
            }
            _ => return Ok(false),
        }
        Ok(!is_filled)
    }

    /// Fetches an image's file, and uploads it here. How many bytes it has.
    async fn fill(&self, folder: &Folder, there: &Foreign, here: &Image, place: &Place) -> Result<u64, Trouble> {
        self.images.check_formats(here)?;
        if here.container_format.as_deref() == Some(PACKED) {
            let why =
                "it is compressed, and an image that is brought over keeps the bytes that it has: unpack it in Glance";
            return Err(Trouble::Image(why.into()));
        }
        let size_bytes = there.size_bytes.ok_or_else(|| Trouble::Image("Glance does not know its size".into()))?;
        let part = folder.part(there.id);
        // Nobody could tell whether the bytes of another run are still those of this file.
        if there.md5.is_none() && there.hash.is_none() {
            remove(&part).await?;
        }
        self.fetch(there.id, &part, size_bytes, place).await?;
        let uploaded = match check_hash(there, &part).await {
            Ok(()) => self.upload(there, &part, size_bytes).await,
            Err(trouble) => Err(trouble),
        };
        // Bytes that were taken are here; bytes that were refused are fetched anew by the next run.
        if !matches!(uploaded, Err(Trouble::Ends(_))) {
            remove(&part).await?;
        }
        uploaded.map(|()| size_bytes)
    }

    async fn upload(&self, there: &Foreign, part: &Path, size_bytes: u64) -> Result<(), Trouble> {
        let file = tokio::fs::File::open(part).await.map_err(|error| at_file(part, &error))?;
        let declared = Declared {
            size_bytes: Some(size_bytes),
            md5: there.md5.clone(),
            sha512: there.sha512().cloned(),
            ..Declared::default()
        };
        let bytes = ReaderStream::with_capacity(file, PIECE_BYTES);
        Ok(self.images.upload(&Caller::operator(), there.id, declared, bytes).await?)
    }

    /// Fetches a file into its part file, from where that ends. One that breaks off is asked for again, for as long as
    /// something comes.
    async fn fetch(&self, id: ImageId, part: &Path, size_bytes: u64, place: &Place) -> Result<(), Trouble> {
        let mut fruitless = 0;
        loop {
            let have = match length(part).await? {
                whole if whole == size_bytes => return Ok(()),
                // It is of another file.
                more if more > size_bytes => 0,
                some => some,
            };
            let trouble = match self.glance.file(id, have).await {
                Err(Fault::Refused(why)) => return Err(Trouble::Image(why)),
                Err(Fault::Failed(why)) => Trouble::Image(why),
                Err(fault @ (Fault::Away(_) | Fault::Denied(_))) => Trouble::Ends(fault.to_string()),
                Ok((from, body)) => match self.append(part, from, body, size_bytes, place).await {
                    Ok(None) => Trouble::Image(format!("its file has not the {size_bytes} bytes of its record")),
                    Ok(Some(why)) => Trouble::Image(format!("its file breaks off: {why}")),
                    Err(error) => at_file(part, &error),
                },
            };
            let came = length(part).await?;
            if came == size_bytes {
                return Ok(());
            }
            fruitless = if (have + 1..size_bytes).contains(&came) { 0 } else { fruitless + 1 };
            if fruitless == ATTEMPTS {
                return Err(trouble);
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(fruitless)).await;
        }
    }

    /// Appends what comes to the part file; why it broke off, if it did.
    async fn append(
        &self,
        part: &Path,
        from: u64,
        mut body: Incoming,
        size_bytes: u64,
        place: &Place,
    ) -> io::Result<Option<String>> {
        let file = OpenOptions::new().append(true).open(part).await?;
        // A Glance without ranges answers with the whole file.
        file.set_len(from).await?;
        let mut file = BufWriter::with_capacity(PIECE_BYTES, file);
        let (mut at, mut told) = (from, Instant::now());
        let broken = loop {
            match timeout(PATIENCE, body.frame()).await {
                Ok(None) => break None,
                Ok(Some(Ok(frame))) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    file.write_all(&bytes).await?;
                    at += bytes.len() as u64;
                    if told.elapsed() >= TELL_INTERVAL {
                        told = Instant::now();
                        let percent = 100 * at / size_bytes.max(1);
                        (self.tell)(format!("{place}: {percent} % of {}", size(size_bytes)));
                    }
                }
                Ok(Some(Err(error))) => break Some(error.to_string()),
                Err(_) => break Some("nothing came for a minute".into()),
            }
            if at > size_bytes {
                break None;
            }
        };
        file.flush().await?;
        Ok(broken)
    }

    /// Makes the members those that Glance has, with their answers; whether anything was to be changed.
    async fn share(&self, there: &Foreign) -> Result<bool, Trouble> {
        let Some((wanted, here)) = self.members(there).await? else { return Ok(false) };
        let operator = Caller::operator();
        // First, for an image has a greatest number of members.
        for project in here.keys().filter(|project| !wanted.contains_key(project)) {
            self.images.remove_member(&operator, there.id, Some(*project)).await?;
        }
        for (project, status) in &wanted {
            let known = match here.get(project) {
                Some(known) => *known,
                None => self.images.add_member(&operator, there.id, Some(*project)).await?.0.status,
            };
            if known != *status {
                self.images.decide(&operator, there.id, Some(*project), *status).await?;
            }
        }
        Ok(wanted != here)
    }

    /// The members there and here; `None` of an image that is not shared on both sides.
    async fn members(&self, there: &Foreign) -> Result<Option<(Members, Members)>, Trouble> {
        let operator = Caller::operator();
        if !there.is_shared() || self.images.show(&operator, there.id).await?.visibility != Visibility::Shared {
            return Ok(None);
        }
        let wanted = self.glance.members(there.id).await.map_err(of_members)?;
        let here = self.images.members(&operator, there.id).await?;
        Ok(Some((wanted, here.into_iter().map(|member| (member.project, member.status)).collect())))
    }

    /// Tells of the images that came from Glance and are no longer there; deletes them where that is wanted.
    async fn gone(&self, listed: &Listed, report: &mut Report) -> anyhow::Result<()> {
        let still: BTreeSet<ImageId> = listed.images.iter().map(|image| image.id).collect();
        let unreadable = |id: &ImageId| listed.unreadable.iter().any(|(image, _)| image.id == id.to_string());
        let operator = Caller::operator();
        for id in folder::noted(&self.options.folder)?.difference(&still).filter(|id| !unreadable(id)) {
            let here = match self.images.show(&operator, *id).await {
                Ok(here) => here,
                Err(Error::NotFound(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let image = Named { id: id.to_string(), name: here.name.clone().unwrap_or_else(|| "(no name)".into()) };
            // One that is hidden or shown while both lists are read may be in neither.
            if self.glance.has(*id).await.map_err(|fault| anyhow::anyhow!("{fault}"))? {
                report.add(Kind::Waits, image, "it changed in Glance just now: run it again".into());
                continue;
            }
            if !self.options.deletes {
                report.add(Kind::Gone, image, "it is deleted in Glance, and still here (--delete deletes it)".into());
                continue;
            }
            if here.protected {
                let free = Change::Add("protected".into(), Value::Bool(false));
                self.images.change(&operator, *id, &[free]).await?;
            }
            self.images.delete(&operator, *id).await?;
            report.add(Kind::Deleted, image, "as in Glance".into());
        }
        Ok(())
    }

    /// Compares every image of Glance with the one that is here.
    async fn compare(
        &self,
        listed: &Listed,
        troubles: &BTreeMap<ImageId, String>,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        report.there = listed.images.len() + listed.unreadable.len();
        for (image, why) in &listed.unreadable {
            report.add(Kind::Differs, image.clone(), why.clone());
        }
        let compared = futures::stream::iter(&listed.images)
            .map(|there| async move { self.compared(there).await.map(|found| (there, found)) });
        let mut compared = pin!(compared.buffered(self.options.at_once));
        while let Some((there, found)) = compared.try_next().await? {
            for (kind, why) in found {
                let why = match (kind, troubles.get(&there.id)) {
                    (Kind::Differs, Some(trouble)) => format!("{why} ({trouble})"),
                    _ => why,
                };
                report.add(kind, there.named(), why);
            }
        }
        Ok(())
    }

    async fn compared(&self, there: &Foreign) -> anyhow::Result<Vec<(Kind, String)>> {
        match there.standing {
            Standing::UnderWay => {
                return Ok(vec![(Kind::Waits, "its bytes are on their way in Glance: run it again later".into())]);
            }
            Standing::Lost => return Ok(vec![(Kind::LeftOut, "it has no bytes in Glance, and gets none".into())]),
            Standing::Queued | Standing::Active | Standing::Deactivated => {}
        }
        let here = match self.images.show(&Caller::operator(), there.id).await {
            Ok(here) => here,
            Err(Error::NotFound(_)) => return Ok(vec![(Kind::Differs, "it is not here".into())]),
            Err(error) => return Err(error.into()),
        };
        let mut found = there.differences(&here)?;
        match self.members(there).await {
            Ok(Some((wanted, here))) if wanted != here => {
                found.push(format!("members: {} there, {} here", shown(&wanted), shown(&here)));
            }
            Ok(_) => {}
            Err(Trouble::Image(why)) => found.push(format!("members: {why}")),
            Err(Trouble::Ends(why)) => anyhow::bail!(why),
        }
        let mut lines = Vec::new();
        if !found.is_empty() {
            lines.push((Kind::Differs, found.join("; ")));
        }
        if here.public_hold.is_some() && there.standing.has_bytes() {
            let why = here.public_why.unwrap_or_default();
            lines.push((Kind::Held, format!("it is {}, and others do not see it: {why}", here.visibility)));
        }
        Ok(lines)
    }
}

type Members = BTreeMap<ProjectId, MemberStatus>;

fn shown(members: &Members) -> String {
    let members: Vec<String> = members.iter().map(|(project, status)| format!("{project} {status}")).collect();
    if members.is_empty() { "none".into() } else { members.join(", ") }
}

/// The operator, at work in a project: a record is made in its owner's name.
fn operator_in(project: ProjectId) -> Caller {
    let project = ProjectRef { id: project, name: project.to_string(), domain_id: DEFAULT_DOMAIN.into() };
    Caller { project: Some(project), ..Caller::operator() }
}

/// Compares the file with the hash of Glance that no upload declares.
async fn check_hash(there: &Foreign, part: &Path) -> Result<(), Trouble> {
    let Some((kind, expected)) = there.hash.clone().filter(|(kind, _)| kind != "sha512") else { return Ok(()) };
    let path = part.to_owned();
    let found = tokio::task::spawn_blocking(move || -> io::Result<Option<String>> {
        let Some(kind) = MessageDigest::from_name(&kind) else { return Ok(None) };
        let mut hasher = Hasher::new(kind)?;
        io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
        Ok(Some(hasher.finish()?.iter().map(|byte| format!("{byte:02x}")).collect()))
    });
    let found = found.await.map_err(|error| Trouble::Image(error.to_string()))?;
    match found.map_err(|error| at_file(part, &error))? {
        Some(found) if found != expected => {
            Err(Trouble::Image(format!("the os_hash_value of its bytes is {found}, and its record says {expected}")))
        }
        // An algorithm that is not known here proves nothing; the MD5 does.
        _ => Ok(()),
    }
}

/// The length of a part file, which is made where there is none.
async fn length(part: &Path) -> Result<u64, Trouble> {
    let file = OpenOptions::new().create(true).append(true).open(part).await.map_err(|error| at_file(part, &error))?;
    Ok(file.metadata().await.map_err(|error| at_file(part, &error))?.len())
}

async fn remove(part: &Path) -> Result<(), Trouble> {
    match tokio::fs::remove_file(part).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at_file(part, &error)),
        _ => Ok(()),
    }
}

fn at_file(part: &Path, error: &io::Error) -> Trouble {
    Trouble::Ends(format!("cannot read or write {}: {error}", part.display()))
}

fn of_members(fault: Fault) -> Trouble {
    match fault {
        Fault::Away(_) | Fault::Denied(_) => Trouble::Ends(fault.to_string()),
        Fault::Failed(_) | Fault::Refused(_) => Trouble::Image(fault.to_string()),
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        match error {
            Error::Unavailable(why) => Trouble::Ends(why),
            other => Trouble::Image(other.to_string()),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}/{}] {}", self.at, self.of, self.image)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
