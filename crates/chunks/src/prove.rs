//! Before a save counts on a chunk that it found already there, it knows that the chunk can be read.
//!
//! The bytes are at hand only until the save is acknowledged; rot that is found later cannot be undone with them. So a
//! record that this process neither wrote nor verified lately is read and compared. A chunk whose record differs is
//! quarantined and told as absent: the save writes it anew, and with that heals every content that has it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::bucket::Objects;
use crate::contents::Contents;
use crate::error::Error;
use crate::fetch::{self, Bad, Place};
use crate::record::{self, record_end};
use crate::segment::Known;

/// Takes out of `known` what cannot be read. `bytes` are the chunks as they are at hand, in the same order; of one
/// that is only named by its digest they are not.
///
/// # Errors
/// [`Error::Damaged`] for a chunk that cannot be read and is not at hand; [`Error::Io`] when the store is away.
pub(crate) async fn prove(
    contents: &Arc<Contents>,
    bytes: &[Option<Bytes>],
    known: &mut [Option<Known>],
) -> Result<(), Error> {
    // This process wrote a pending chunk a moment ago.
    let found = |(at, known): (usize, &Option<Known>)| {
        known.as_ref().filter(|known| known.pending.is_none()).map(|known| (at, known.place()))
    };
    let found: Vec<(usize, Place)> = known.iter().enumerate().filter_map(found).collect();
    let verified = contents.lately.know(found.iter().map(|(_, place)| (place.digest, place.location)));
    let doubtful: Vec<(usize, Place)> =
        found.into_iter().zip(verified).filter_map(|(found, is_verified)| (!is_verified).then_some(found)).collect();
    let doubtful = match &contents.files.objects {
        Some(objects) => not_there(contents, objects, doubtful).await?,
        None => doubtful,
    };
    if doubtful.is_empty() {
        return Ok(());
    }
    for (at, place, bad) in compare(contents, doubtful, bytes).await? {
        if bad.is_err() && !second_look(contents, place, bytes[at].is_some()).await? {
            known[at] = None;
        }
    }
    Ok(())
}

/// Those of these chunks whose objects are not there, or too short. A bucket keeps its objects from rot itself, and to
/// read what it has costs money; that an object is there is asked once in a while.
async fn not_there(
    contents: &Contents,
    objects: &Objects,
    doubtful: Vec<(usize, Place)>,
) -> Result<Vec<(usize, Place)>, Error> {
    let mut left = Vec::new();
    for (at, place) in doubtful {
        let segment = place.location.segment;
        match objects.seen_len(segment).await {
            Ok(bytes) if bytes >= record_end(&place.location) => {
                contents.lately.note([(place.digest, place.location)]);
            }
            Ok(_) => left.push((at, place)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => left.push((at, place)),
            Err(error) => return Err(Error::object(segment, error)),
        }
    }
    Ok(left)
}

type Compared = Vec<(usize, Place, Result<(), Bad>)>;

/// Compares records with what is at hand.
async fn compare(
    contents: &Contents,
    doubtful: Vec<(usize, Place)>,
    bytes: &[Option<Bytes>],
) -> Result<Compared, Error> {
    let bytes: Arc<[Option<Bytes>]> = doubtful.iter().map(|(at, _)| bytes[*at].clone()).collect();
    let judge = move |at: usize, place: &Place, record: &Bytes| match &bytes[at] {
        Some(bytes) => record::compare(record, place.digest, bytes),
        None => record::decode(record, place.digest).map(drop),
    };
    let runs = fetch::plan(doubtful.iter().map(|(_, place)| *place).collect());
    let read = fetch::read_all(contents, runs, judge).await?;
    let compared: Compared =
        read.into_iter().map(|(nth, outcome)| (doubtful[nth].0, doubtful[nth].1, outcome)).collect();
    let good = compared.iter().filter(|(.., outcome)| outcome.is_ok());
    contents.lately.note(good.map(|(_, place, _)| (place.digest, place.location)));
    Ok(compared)
}

/// Looks again at a record that did not compare; `false` when the chunk is to be written anew.
async fn second_look(contents: &Contents, place: Place, is_at_hand: bool) -> Result<bool, Error> {
    let Err(error) = fetch::second_look(contents, place).await else { return Ok(true) };
    match error {
        Error::Missing(_) | Error::Damaged { .. } if is_at_hand => Ok(false),
        // The file is gone for good, or this part of the disk is: the store itself is where it was.
        Error::Io { source, .. } if is_at_hand && is_lost(&source) && contents.files.are_present().await => {
            // The store is there now: was it, when the record was read?
            match fetch::second_look(contents, place).await {
                Ok(_) => return Ok(true),
                Err(Error::Io { source, .. }) if is_lost(&source) => {}
                Err(Error::Missing(_) | Error::Damaged { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
            fetch::quarantine(contents, place.digest, place.location, &source.to_string()).await;
            Ok(false)
        }
        error => Err(error),
    }
}

fn is_lost(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

impl Known {
    fn place(&self) -> Place {
        let Known { digest, location, .. } = *self;
        Place { digest, location, is_marked: false }
    }
}
