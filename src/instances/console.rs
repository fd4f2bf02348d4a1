//! Consoles: the log of the serial port, kept small, and the short-lived rights to open one live.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{net::UnixStream, task::AbortHandle};

use super::{
    folder::Folder,
    types::{ConsoleKind, ConsoleToken},
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::Caller,
    ids::InstanceId,
};

/// The bytes kept of a guest's serial output: at least this many, and at most about twice as many.
pub(super) const KEPT_BYTES: u64 = 1 << 20;
/// How long a token opens a console: time for a page to load, and a little more (Nova's default is the same).
const TOKEN_LIFE: Duration = Duration::from_secs(600);
/// Tokens that can be open at once; beyond, the oldest ends. A token costs about 500 bytes.
const MAX_TOKENS: usize = 10_000;

/// Cuts a log that has grown too long: its end moves to `console.old`, and QEMU, which appends, goes on at the
/// front. Bytes that the guest writes between the copy and the cut (microseconds) are lost; only a flood can notice.
pub(super) fn trim(folder: &Path) -> io::Result<()> {
    let mut log = match OpenOptions::new().read(true).write(true).open(folder.join("console.log")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if log.metadata()?.len() > KEPT_BYTES {
        let end = tail(&mut log, KEPT_BYTES)?;
        // On a full disk the old end is lost rather than that the log grows on.
        let kept = fs::write(folder.join("console.old"), end);
        log.set_len(0)?;
        kept?;
    }
    let own = folder.join("qemu.log");
    if fs::metadata(&own).is_ok_and(|file| file.len() > KEPT_BYTES) {
        OpenOptions::new().write(true).open(own)?.set_len(0)?;
    }
    Ok(())
}

/// The kept serial output, or its last lines. Bytes that are not UTF-8 are replaced.
pub(super) fn output(folder: &Path, lines: Option<usize>) -> io::Result<String> {
    let mut bytes = Vec::new();
    for name in ["console.old", "console.log"] {
        match File::open(folder.join(name)) {
            Ok(mut file) => bytes.extend(tail(&mut file, 2 * KEPT_BYTES)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(match lines {
        None => text.into_owned(),
        Some(count) => last_lines(&text, count).to_owned(),
    })
}

/// The last words of QEMU itself, for a person to read.
pub(super) fn last_words(folder: &Path) -> String {
    let text = File::open(folder.join("qemu.log")).and_then(|mut file| tail(&mut file, 2048)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn tail(file: &mut File, count: u64) -> io::Result<Vec<u8>> {
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(count)))?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn last_lines(text: &str, count: usize) -> &str {
    let body = text.strip_suffix('\n').unwrap_or(text);
    match count {
        0 => "",
        _ => match body.rmatch_indices('\n').nth(count - 1) {
            Some((at, _)) => &text[at + 1..],
            None => text,
        },
    }
}

/// The console that a token stands for, and the caller who asked: the right to open it is theirs, and is judged anew.
#[derive(Clone)]
pub struct Ticket {
    pub instance: InstanceId,
    /// Its screen or its serial line.
    pub kind: ConsoleKind,
    /// The caller as they were then.
    pub caller: Caller,
}

/// The tokens that are out, and the serial consoles that are open.
#[derive(Clone, Default)]
pub(super) struct Consoles(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    tokens: HashMap<blake3::Hash, (Ticket, Instant)>,
    serial: HashMap<InstanceId, AbortHandle>,
}

impl Consoles {
    /// Hands out a token.
    pub(super) fn issue(&self, caller: &Caller, instance: InstanceId, kind: ConsoleKind) -> Result<ConsoleToken> {
        let mut secret = [0; 32];
        openssl::rand::rand_bytes(&mut secret).map_err(Error::internal)?;
        let token = blake3::Hash::from_bytes(secret).to_hex().to_string();
        let mut open = self.lock();
        open.tokens.retain(|_, (_, until)| *until > Instant::now());
        if open.tokens.len() >= MAX_TOKENS
            && let Some(oldest) = open.tokens.iter().min_by_key(|(_, (_, until))| *until).map(|(hash, _)| *hash)
        {
            open.tokens.remove(&oldest);
        }
        // Only a hash is kept: whoever reads our memory or times our look-ups learns no token.
        let ticket = Ticket { instance, kind, caller: caller.clone() };
        open.tokens.insert(blake3::hash(token.as_bytes()), (ticket, Instant::now() + TOKEN_LIFE));
        let expires_ms = now_ms() + TOKEN_LIFE.as_millis() as i64;
        Ok(ConsoleToken { token, kind, instance, expires_ms })
    }

    /// The console that a token stands for.
    pub(super) fn look_up(&self, token: &str) -> Result<Ticket> {
        let open = self.lock();
        match open.tokens.get(&blake3::hash(token.as_bytes())) {
            Some((ticket, until)) if *until > Instant::now() => Ok(ticket.clone()),
            _ => Err(Error::NotFound("This console token is unknown or has expired; ask for a new one.".into())),
        }
    }

    /// Ends an instance's tokens and open consoles.
    pub(super) fn end(&self, instance: InstanceId) {
        let mut open = self.lock();
        open.tokens.retain(|_, (ticket, _)| ticket.instance != instance);
        if let Some(pump) = open.serial.remove(&instance) {
            pump.abort();
        }
    }

    /// Connects to a console of a running instance.
    ///
    /// QEMU serves one serial client at a time: a later client takes the place of the earlier one, so a forgotten
    /// window cannot shut everybody out. VNC has many.
    pub(super) async fn connect(
        &self,
        instance: InstanceId,
        kind: ConsoleKind,
        folder: &Folder,
    ) -> io::Result<UnixStream> {
        match kind {
            ConsoleKind::Vnc => folder.connect("vnc/vnc.sock").await,
            ConsoleKind::Serial => {
                if let Some(before) = self.lock().serial.remove(&instance) {
                    before.abort();
                }
                let mut qemu = folder.connect("serial.sock").await?;
                let (ours, mut pumped) = UnixStream::pair()?;
                let pump = tokio::spawn(async move {
                    // Either end closing is how a console ends.
                    let _ = tokio::io::copy_bidirectional(&mut qemu, &mut pumped).await;
                });
                self.lock().serial.insert(instance, pump.abort_handle());
                Ok(ours)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn flooded_log_stays_small_and_keeps_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("console.log");
        let mut qemu = OpenOptions::new().append(true).create(true).open(&log).unwrap();
        for round in 0..20 {
            qemu.write_all(&vec![b'.'; 1 << 20]).unwrap();
            writeln!(qemu, "round {round}").unwrap();
            trim(folder.path()).unwrap();
        }
        let text = output(folder.path(), None).unwrap();
        assert!(text.len() as u64 <= 2 * KEPT_BYTES + 100, "{}", text.len());
        assert!(text.ends_with("round 19\n"));
        assert!(fs::metadata(&log).unwrap().len() <= KEPT_BYTES);
    }

    #[test]
    fn last_lines_are_counted_from_the_end() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc\n");
        assert_eq!(last_lines("a\nb\nc", 1), "c");
        assert_eq!(last_lines("a\nb", 5), "a\nb");
        assert_eq!(last_lines("a\nb", 0), "");
    }

    #[test]
    fn token_ends_with_its_instance() {
        let consoles = Consoles::default();
        let id = InstanceId::new();
        let token = consoles.issue(&Caller::operator(), id, ConsoleKind::Vnc).unwrap().token;
        let ticket = consoles.look_up(&token).unwrap();
        assert_eq!((ticket.instance, ticket.kind), (id, ConsoleKind::Vnc));
        assert!(consoles.look_up(&token[1..]).is_err());
        consoles.end(id);
        assert!(consoles.look_up(&token).is_err());
    }
}
