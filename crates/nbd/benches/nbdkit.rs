//! Reads through this server against reads through nbdkit: the same bytes, the same client.
//!
//! `cargo bench -p effigy-nbd` prints a line for each pattern: MB/s of both, and the ratio. Needs `qemu-img` and
//! `nbdkit`.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nbd::{Device, Extent, Part};
use rustix::net::sockopt;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

const DISK_BYTES: usize = 256 << 20;
/// The size of the service's chunks.
const CHUNK_BYTES: u64 = 64 << 10;
/// Rounds of each pattern; the best of each server counts, as the machine is never quite quiet.
const ROUNDS: usize = 5;

/// Requests' size, how many at a time, how many in all.
const PATTERNS: &[(&str, u64, u32, u32)] = &[
    ("sequential 1 MiB, 1 at a time", 1 << 20, 1, 512),
    ("sequential 1 MiB, 8 at a time", 1 << 20, 8, 512),
    ("sequential 64 KiB, 1 at a time", 64 << 10, 1, 4096),
    ("sequential 64 KiB, 16 at a time", 64 << 10, 16, 8192),
    ("sequential 4 KiB, 1 at a time", 4 << 10, 1, 10_000),
    ("sequential 4 KiB, 32 at a time", 4 << 10, 32, 30_000),
];

/// Chunks in memory, handed out without a copy.
struct Memory(Vec<Bytes>);

impl Device for Memory {
    fn size_bytes(&self) -> u64 {
        DISK_BYTES as u64
    }

    async fn read(&self, offset: u64, len: u32) -> io::Result<Vec<Part>> {
        let end = offset + u64::from(len);
        let mut parts = Vec::new();
        let mut at = offset;
        while at < end {
            let next = ((at / CHUNK_BYTES + 1) * CHUNK_BYTES).min(end);
            let start = (at % CHUNK_BYTES) as usize;
            let chunk = &self.0[(at / CHUNK_BYTES) as usize];
            parts.push(Part::Data(chunk.slice(start..start + (next - at) as usize)));
            at = next;
        }
        Ok(parts)
    }

    async fn extents(&self, _: u64, len: u32) -> io::Result<Vec<Extent>> {
        Ok(vec![Extent { len: len.into(), hole: false }])
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let disk = random_bytes();
    std::fs::write(folder.path().join("disk"), &disk).unwrap();

    let ours = folder.path().join("ours");
    runtime.block_on(async { serve(&ours, &disk) });
    let kits = [
        ("nbdkit memory", start_nbdkit(folder.path(), "memory")),
        ("nbdkit file", start_nbdkit(folder.path(), "file")),
    ];
    // An argument picks the patterns that have it in their names.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    for (pattern, size, depth, count) in PATTERNS.iter().filter(|(pattern, ..)| pattern.contains(&wanted)) {
        let sockets = [&ours, &kits[0].1.socket, &kits[1].1.socket];
        let mut best = [0.0_f64; 3];
        for _ in 0..ROUNDS {
            for (best, socket) in best.iter_mut().zip(sockets) {
                *best = best.max(megabytes_a_second(socket, *size, *depth, *count));
            }
        }
        for ((name, _), other) in kits.iter().zip(&best[1..]) {
            println!("{pattern}: {:.0} MB/s, {name} {other:.0} MB/s, ratio {:.2}", best[0], best[0] / other);
        }
    }
}

fn random_bytes() -> Vec<u8> {
    let mut state = 7_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(DISK_BYTES / 8).flatten().collect()
}

fn serve(socket: &Path, disk: &[u8]) {
    let chunks = disk.chunks(CHUNK_BYTES as usize).map(Bytes::copy_from_slice).collect();
    let device = Arc::new(Memory(chunks));
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // As the service does: room for a whole answer.
            sockopt::set_socket_send_buffer_size_force(&stream, 2 << 20).ok();
            tokio::spawn(nbd::serve(stream, "", Arc::clone(&device), CancellationToken::new()));
        }
    });
}

struct Kit {
    process: Child,
    socket: std::path::PathBuf,
}

impl Drop for Kit {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn start_nbdkit(folder: &Path, plugin: &str) -> Kit {
    let socket = folder.join(plugin);
    let mut command = Command::new("nbdkit");
    command.args(["--foreground", "--exit-with-parent", "-U"]).arg(&socket);
    match plugin {
        "file" => command.args(["-r", "file"]).arg(folder.join("disk")),
        _ => command.args(["memory", &DISK_BYTES.to_string()]),
    };
    let process = command.stderr(Stdio::inherit()).spawn().expect("nbdkit is needed");
    let kit = Kit { process, socket };
    let begin = Instant::now();
    while !kit.socket.exists() {
        assert!(begin.elapsed() < Duration::from_secs(10), "nbdkit does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    if plugin == "memory" {
        let uri = uri(&kit.socket);
        let mut fill = Command::new("qemu-img");
        fill.args(["convert", "-n", "-f", "raw", "-O", "raw"]).arg(folder.join("disk")).arg(uri);
        assert!(fill.status().unwrap().success());
    }
    kit
}

fn uri(socket: &Path) -> String {
    format!("nbd+unix:///?socket={}", socket.display())
}

fn megabytes_a_second(socket: &Path, size: u64, depth: u32, count: u32) -> f64 {
    let mut command = Command::new("qemu-img");
    command.args(["bench", "-f", "raw", "-s", &size.to_string(), "-d", &depth.to_string()]);
    let output = command.args(["-c", &count.to_string()]).arg(uri(socket)).output().expect("qemu-img is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    let seconds: f64 =
        said.split("completed in ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap();
    (size * u64::from(count)) as f64 / 1e6 / seconds
}
