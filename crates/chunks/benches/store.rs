//! The speed of the store, beside that of the machine, in one run.
//!
//! ```sh
//! cargo bench -p effigy-chunks            # MIB=1024 DIR=/somewhere for another size or disk
//! ```
//!
//! Each line has MB (10^6 bytes) a second by the clock, and MB a second of processor time: the
//! second holds on a machine that does other things too.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chunks::{CHUNK_BYTES, Content, Digest, ForeignError, Options, Roots, Store, suite::MemoryIndex};
use futures::StreamExt;

const MIB: usize = 1 << 20;

fn main() {
    let mib: usize = std::env::var("MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(512);
    let dir = match std::env::var("DIR") {
        Ok(dir) => tempfile::tempdir_in(dir).unwrap(),
        Err(_) => tempfile::tempdir().unwrap(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let noise = noise(mib * MIB);
    let mixed = mixed(mib * MIB);
    limits(&noise, &mixed, dir.path());
    runtime.block_on(async {
        let index = Arc::new(MemoryIndex::new());
        let store = Store::open(dir.path(), index.clone(), Options::default()).await.unwrap();
        // It has verified nothing, as a service that was restarted: it reads and compares what it finds.
        let fresh = Store::open(dir.path(), index, Options::default()).await.unwrap();
        store_lines(&store, &fresh, &noise, &mixed).await;
        capture(&store).await;
        large_root(&store).await;
        println!(
            "memory now {} MiB, at the most {} MiB, of which the data itself is {}",
            rss("VmRSS"),
            rss("VmHWM"),
            2 * mib
        );
    });
}

/// Times work; the line says how much went through.
struct Timed {
    clock: Instant,
    cpu: Duration,
}

impl Timed {
    fn start() -> Timed {
        Timed { clock: Instant::now(), cpu: cpu_time() }
    }

    fn line(&self, name: &str, bytes: u64) -> f64 {
        let (clock, cpu) = (self.clock.elapsed(), cpu_time() - self.cpu);
        let rate = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64().max(1e-6);
        println!(
            "{name:<46} {:>8.0} MB/s {:>8.0} MB/CPU-s {:>9.1} ms",
            rate(clock),
            rate(cpu),
            clock.as_secs_f64() * 1e3
        );
        rate(cpu)
    }
}

/// User and system time of this process, all threads; the kernel counts in hundredths.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn rss(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn noise(len: usize) -> Bytes {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes.into()
}

/// Half noise, half words: compresses to about 0.7.
fn mixed(len: usize) -> Bytes {
    let mut bytes = vec![0; len];
    for (number, block) in bytes.chunks_mut(4096).enumerate() {
        let mut words = blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof();
        words.fill(block);
        for (at, byte) in block.iter_mut().enumerate().filter(|(at, _)| at % 2 == 0) {
            *byte = b"the quick brown fox "[at / 2 % 20];
        }
    }
    bytes.into()
}

/// Prints the speed of each part of the work alone, on one thread.
fn limits(noise: &Bytes, mixed: &Bytes, dir: &std::path::Path) {
    let bytes = noise.len() as u64;
    let mut copy = vec![0_u8; noise.len()];
    copy.fill(1);
    let timed = Timed::start();
    copy.copy_from_slice(noise);
    timed.line("limit: memcpy", bytes);
    let timed = Timed::start();
    for chunk in noise.chunks(CHUNK_BYTES) {
        std::hint::black_box(Digest::of(chunk));
    }
    timed.line("limit: blake3", bytes);
    let timed = Timed::start();
    for chunk in noise.chunks(CHUNK_BYTES) {
        std::hint::black_box(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, chunk));
    }
    timed.line("limit: crc32c", bytes);
    for (name, data) in [("noise", noise), ("mixed", mixed)] {
        let mut zstd = zstd::bulk::Compressor::new(1).unwrap();
        let timed = Timed::start();
        let packed: Vec<Vec<u8>> = data.chunks(CHUNK_BYTES).map(|chunk| zstd.compress(chunk).unwrap()).collect();
        timed.line(&format!("limit: zstd-1, {name}"), bytes);
        let ratio = packed.iter().map(Vec::len).sum::<usize>() as f64 / bytes as f64;
        let mut zstd = zstd::bulk::Decompressor::new().unwrap();
        let timed = Timed::start();
        packed.iter().for_each(|packed| drop(std::hint::black_box(zstd.decompress(packed, CHUNK_BYTES).unwrap())));
        timed.line(&format!("limit: zstd back, {name} (ratio {ratio:.2})"), bytes);
    }
    let path = dir.join("plain");
    let mut file = File::create(&path).unwrap();
    let timed = Timed::start();
    for piece in noise.chunks(64 * MIB) {
        piece.chunks(2 * MIB).for_each(|piece| file.write_all(piece).unwrap());
        file.sync_data().unwrap();
    }
    timed.line("limit: plain file, synced each 64 MiB", bytes);
    std::fs::remove_file(path).unwrap();
}

async fn save(store: &Store, data: &Bytes) -> Content {
    let session = store.begin().await.unwrap();
    let mut writer = session.writer();
    for piece in data.chunks(256 << 10) {
        writer.write(data.slice_ref(piece)).await.unwrap();
    }
    let content = writer.finish().await.unwrap();
    session.finish().await;
    content
}

async fn read(store: &Store, root: Digest) -> u64 {
    let mut stream = Box::pin(store.reader(root).await.unwrap().stream(0..u64::MAX));
    let mut bytes = 0;
    while let Some(piece) = stream.next().await {
        bytes += piece.unwrap().len() as u64;
    }
    bytes
}

async fn store_lines(store: &Store, fresh: &Store, noise: &Bytes, mixed: &Bytes) {
    let bytes = noise.len() as u64;
    for (name, data) in [("noise", noise), ("mixed", mixed)] {
        let timed = Timed::start();
        let content = save(store, data).await;
        timed.line(&format!("save {name}, durable"), bytes);
        let timed = Timed::start();
        let again = save(store, data).await;
        timed.line(&format!("save {name} again"), bytes);
        assert_eq!((again.root, again.stored_bytes), (content.root, content.stored_bytes));
        let timed = Timed::start();
        save(fresh, data).await;
        timed.line(&format!("save {name} again, after a restart"), bytes);
        for round in ["first", "warm"] {
            let timed = Timed::start();
            assert_eq!(read(store, content.root).await, bytes);
            timed.line(&format!("read {name}, verified, {round}"), bytes);
        }
        let timed = Timed::start();
        let reads = (0..4).map(|_| read(store, content.root));
        futures::future::join_all(reads).await;
        timed.line(&format!("read {name}, four at once"), 4 * bytes);
        random_reads(store, content.root, name).await;
    }
    let timed = Timed::start();
    let saves = (0..8_usize).map(|number| {
        // Offsets that are no multiple of a chunk: eight contents without a chunk in common.
        let part = noise.len() / 16;
        let data = noise.slice(number * part + 1_000..(number + 1) * part + 1_000);
        async move { save(store, &data).await.size_bytes }
    });
    let saved: u64 = futures::future::join_all(saves).await.into_iter().sum();
    timed.line("save eight at once", saved);
    let timed = Timed::start();
    let report = store.sweep(&NoRoots(Mutex::default())).await.unwrap();
    timed.line(&format!("sweep, condemning {} chunks", report.condemned), 0);
}

async fn random_reads(store: &Store, root: Digest, name: &str) {
    let reader = store.reader(root).await.unwrap();
    let chunks = reader.size_bytes() / CHUNK_BYTES as u64;
    let timed = Timed::start();
    for number in 0..2_000_u64 {
        let chunk = number * 7_919 % chunks;
        reader.read_at(chunk * CHUNK_BYTES as u64, CHUNK_BYTES).await.unwrap();
    }
    timed.line(&format!("read {name}, 2,000 chunks at random"), 2_000 * CHUNK_BYTES as u64);
}

/// 110 MB changed on a disk of 4 GiB.
async fn capture(store: &Store) {
    let session = store.begin().await.unwrap();
    let mut patch = session.patch(None, 4 << 30).await.unwrap();
    for chunk in 0..26_000_u64 {
        let mut data = vec![0; CHUNK_BYTES];
        data[..8].copy_from_slice(&(chunk + 1).to_le_bytes());
        patch.put(chunk * 2, data.into()).await.unwrap();
    }
    let base = patch.finish().await.unwrap();
    let changed = mixed(1_680 * CHUNK_BYTES);
    let timed = Timed::start();
    let mut patch = session.patch(Some(base.root), 4 << 30).await.unwrap();
    for chunk in 0..1_680_u64 {
        let data = changed.slice(chunk as usize * CHUNK_BYTES..(chunk as usize + 1) * CHUNK_BYTES);
        patch.put(chunk * 39, data).await.unwrap();
    }
    let content = patch.finish().await.unwrap();
    timed.line("capture 110 MB of changes on 4 GiB", changed.len() as u64);
    println!("    the disk takes {} MB", content.stored_bytes / 1_000_000);
}

async fn large_root(store: &Store) {
    let session = store.begin().await.unwrap();
    let mut patch = session.patch(None, 1 << 40).await.unwrap();
    for leaf in 0..4_096_u64 {
        let mut data = vec![0; CHUNK_BYTES];
        data[..8].copy_from_slice(&(leaf + 1).to_le_bytes());
        patch.put(leaf * 4_096, data.into()).await.unwrap();
    }
    let content = patch.finish().await.unwrap();
    session.finish().await;
    let timed = Timed::start();
    let reader = store.reader(content.root).await.unwrap();
    reader.read_at(1 << 39, 4_096).await.unwrap();
    timed.line("open a root of 1 TiB and read in the middle", 4_096);
}

struct NoRoots(Mutex<Vec<Digest>>);

#[async_trait::async_trait]
impl Roots for NoRoots {
    async fn roots(&self) -> Result<Vec<Digest>, ForeignError> {
        Ok(self.0.lock().unwrap().clone())
    }
}
