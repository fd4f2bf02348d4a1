//! A disk in memory, served on a unix socket.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use nbd::{Device, Extent, Part};
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const NAME: &str = "disk";
const BLOCK: u64 = 65_536;

/// Bytes in memory; blocks of zeroes are holes; reads at `bad` fail.
pub(crate) struct Memory {
    pub bytes: Bytes,
    pub bad: Option<u64>,
}

impl Memory {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), bad: None }
    }

    fn runs(&self, offset: u64, len: u32) -> Vec<(u64, u64, bool)> {
        let end = offset + u64::from(len);
        let mut runs = Vec::new();
        let mut at = offset;
        while at < end {
            let next = ((at / BLOCK + 1) * BLOCK).min(end);
            let hole = self.bytes[at as usize..next as usize].iter().all(|byte| *byte == 0);
            runs.push((at, next - at, hole));
            at = next;
        }
        runs
    }
}

impl Device for Memory {
    fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    async fn read(&self, offset: u64, len: u32) -> io::Result<Vec<Part>> {
        if self.bad.is_some_and(|bad| (offset..offset + u64::from(len)).contains(&bad)) {
            return Err(io::Error::other("a bad sector"));
        }
        // Answers come out of order.
        for _ in 0..(offset / BLOCK) % 3 {
            tokio::task::yield_now().await;
        }
        let runs = self.runs(offset, len).into_iter();
        Ok(runs
            .map(|(at, len, hole)| match hole {
                true => Part::Zeroes(len as u32),
                false => Part::Data(self.bytes.slice(at as usize..(at + len) as usize)),
            })
            .collect())
    }

    async fn extents(&self, offset: u64, len: u32) -> io::Result<Vec<Extent>> {
        let runs = self.runs(offset, len).into_iter();
        Ok(runs.map(|(_, len, hole)| Extent { len, hole }).collect())
    }
}

/// A server on a unix socket.
pub(crate) struct Server {
    folder: TempDir,
    pub stop: CancellationToken,
    pub connections: TaskTracker,
}

impl Server {
    pub(crate) fn start(device: Memory) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let (stop, connections) = (CancellationToken::new(), TaskTracker::new());
        let server = Self { folder, stop: stop.clone(), connections: connections.clone() };
        let device = Arc::new(device);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (device, stop) = (Arc::clone(&device), stop.clone());
                connections.spawn(async move { nbd::serve(stream, NAME, device, stop).await });
            }
        });
        server
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn uri(&self) -> String {
        format!("nbd+unix:///{NAME}?socket={}", self.path("socket").display())
    }

    pub(crate) async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.path("socket")).await.unwrap()
    }

    /// Runs a client in the server's folder: whether it succeeded and what it said.
    pub(crate) async fn run(&self, program: &str, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path());
        let program = program.to_owned();
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap_or_else(|error| panic!("{program} is needed by these tests: {error}"));
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

/// A disk with data, holes, and an end that fills no block.
pub(crate) fn sample_disk() -> Vec<u8> {
    let mut disk = vec![0; (9 << 20) + 4096 + 512];
    let mut state = 7_u64;
    let mut fill = |range: std::ops::Range<usize>| {
        for byte in &mut disk[range] {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 33) as u8;
        }
    };
    fill(0..512);
    fill(100_000..400_000);
    fill((3 << 20)..(5 << 20));
    let end = (9 << 20) + 4096 + 512;
    fill(end - 700..end);
    disk
}
