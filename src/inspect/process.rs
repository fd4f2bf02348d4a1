//! Starts the process that looks into a disk, and answers what it asks: this program again, with one socket.
//!
//! ```text
//! service ── socket: (offset, length) ◄─► bytes ── process, jailed (`jail`)
//!         ◄─ pipe: the report as JSON, of a bounded size
//! ```
//!
//! The process has nothing but these two. It is killed when it takes too long, and when its caller is gone.

use std::{
    io, os::fd::OwnedFd, os::unix::net::UnixStream as StdStream, path::Path, process::Stdio, sync::Arc, time::Duration,
};

use guest::{Report, Scope};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    process::Command,
};

use super::{jail, source::Source};
use crate::error::{Error, Result};

/// A report has 200 findings at most, of less than 2 KiB each.
const MAX_REPORT_BYTES: u64 = 1 << 20;
/// How long a look may take beyond what the process grants itself: it ends by itself unless it hangs in a reader.
const SLACK: Duration = Duration::from_secs(10);

/// Looks into a disk in a process of its own.
pub(super) async fn look(
    program: &Path,
    user: u32,
    disk: Arc<dyn Source>,
    scope: Scope,
) -> Result<Result<Report, String>> {
    let (ours, theirs) = StdStream::pair().map_err(Error::internal)?;
    ours.set_nonblocking(true).map_err(Error::internal)?;
    let ours = UnixStream::from_std(ours).map_err(Error::internal)?;
    let mut command = Command::new(program);
    command.args([jail::COMMAND, "--size-bytes", &disk.size_bytes().to_string(), "--scope", jail::word(scope)]);
    command.args(["--user", &user.to_string()]).env_clear().current_dir("/");
    // The allocator's own thread would be outside of the jail.
    command.env("_RJEM_MALLOC_CONF", "background_thread:false");
    command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| {
        Error::internal(anyhow::anyhow!("cannot start {} to look into a disk: {error}", program.display()))
    })?;
    // It holds the other end of the socket: without it the child's end would never be noticed.
    drop(command);
    let stdout = child.stdout.take().ok_or_else(|| Error::internal(anyhow::anyhow!("a child without its output")))?;
    let talk = async {
        let mut report = Vec::new();
        let mut stdout = stdout.take(MAX_REPORT_BYTES + 1);
        let (read, _served) = tokio::join!(stdout.read_to_end(&mut report), serve(ours, &*disk));
        (read.map(|_| report), child.wait().await)
    };
    let Ok((report, status)) = tokio::time::timeout(jail::limits(scope).time + SLACK, talk).await else {
        return Ok(Err("looking into the disk took too long and was ended".into()));
    };
    let (report, status) = (report.map_err(Error::internal)?, status.map_err(Error::internal)?);
    if !status.success() {
        return Ok(Err(format!("the process that looked into the disk was ended by its limits ({status})")));
    }
    if report.len() as u64 > MAX_REPORT_BYTES {
        return Ok(Err("the report of the disk is larger than any report is".into()));
    }
    Ok(serde_json::from_slice(&report).map_err(|_| "the process that looked into the disk gave no report".into()))
}

/// Answers reads until the other end is closed.
async fn serve(mut socket: UnixStream, disk: &dyn Source) -> io::Result<()> {
    let mut question = [0; jail::QUESTION_BYTES];
    loop {
        socket.read_exact(&mut question).await?;
        let (offset, len) = jail::question(&question);
        let is_inside = offset.checked_add(len.into()).is_some_and(|end| end <= disk.size_bytes());
        if !is_inside || len > jail::MAX_READ_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match disk.read(offset, len as usize).await {
            Ok(bytes) => {
                socket.write_all(&[jail::READ]).await?;
                socket.write_all(&bytes).await?;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot read a disk that is looked into: {error}");
                socket.write_all(&[jail::UNREADABLE]).await?;
            }
        }
    }
}
