//! Real clients on real sockets.

use std::{io::Write as _, os::unix::fs::PermissionsExt as _, process::Command, sync::Arc};

use bytes::Bytes;
use chunks::{MemoryIndex, Options};
use tempfile::TempDir;

use super::*;

struct Place {
    folder: TempDir,
    exports: Exports,
    root: Digest,
}

/// Three chunks of data, a hole, and an end that fills no chunk.
fn disk() -> Vec<u8> {
    let mut disk = vec![0; (5 << 20) + 4096];
    for (index, byte) in disk[..200_000].iter_mut().enumerate() {
        *byte = (index / 3) as u8 | 1;
    }
    let end = disk.len();
    disk[end - 512..].fill(7);
    disk
}

async fn save(store: &Store, bytes: Vec<u8>) -> Digest {
    let session = store.begin().await.unwrap();
    let mut writer = session.writer();
    writer.write(Bytes::from(bytes)).await.unwrap();
    let root = writer.finish().await.unwrap().root;
    session.finish().await;
    root
}

async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store =
        Store::open(&folder.path().join("store"), Arc::new(MemoryIndex::new()), Options::default()).await.unwrap();
    let root = save(&store, disk()).await;
    Place { folder, exports: Exports::new(store), root }
}

impl Place {
    fn path(&self) -> PathBuf {
        self.folder.path().join("nbd.sock")
    }

    async fn copy(&self) -> Option<Vec<u8>> {
        let out = self.folder.path().join("copy.raw");
        let uri = format!("nbd+unix:///{NAME}?socket={}", self.path().display());
        let mut command = Command::new("qemu-img");
        command.args(["convert", "-f", "raw", "-O", "raw", &uri]).arg(&out);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        output.expect("qemu-img is needed by this test").status.success().then(|| std::fs::read(out).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_is_read_through_its_socket() {
    let place = place().await;
    let handle = place.exports.serve(InstanceId::new(), &place.path(), None, place.root).await.unwrap();
    assert!(place.copy().await == Some(disk()));
    let mode = std::fs::symlink_metadata(place.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    handle.stop().await;
    assert!(!place.path().exists());
    assert!(place.copy().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn serving_again_is_the_same_export_until_the_last_handle() {
    let place = place().await;
    let id = InstanceId::new();
    let first = place.exports.serve(id, &place.path(), None, place.root).await.unwrap();
    let second = place.exports.serve(id, &place.path(), None, place.root).await.unwrap();
    drop(first);
    assert!(place.copy().await == Some(disk()));
    let ended = second.0.ended.clone();
    drop(second);
    ended.cancelled().await;
    assert!(!place.path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_disk_takes_the_place_of_the_last() {
    let place = place().await;
    let id = InstanceId::new();
    let _first = place.exports.serve(id, &place.path(), None, place.root).await.unwrap();
    let other = save(&place.exports.0.store, vec![9; 65_536]).await;
    let _second = place.exports.serve(id, &place.path(), None, other).await.unwrap();
    assert!(place.copy().await == Some(vec![9; 65_536]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_service_left_is_replaced() {
    let place = place().await;
    drop(std::os::unix::net::UnixListener::bind(place.path()).unwrap());
    let _handle = place.exports.serve(InstanceId::new(), &place.path(), None, place.root).await.unwrap();
    assert!(place.copy().await == Some(disk()));
}

#[tokio::test]
async fn a_disk_that_is_not_there_gets_no_socket() {
    let place = place().await;
    let root = Digest::of(b"something else");
    let served = place.exports.serve(InstanceId::new(), &place.path(), None, root).await;
    assert!(served.is_err());
    assert!(!place.path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_waits_for_a_disk_that_went_away_and_reads_on() {
    let place = place().await;
    let id = InstanceId::new();
    let first = place.exports.serve(id, &place.path(), None, place.root).await.unwrap();
    let options = format!(
        "driver=raw,file.driver=nbd,file.server.type=unix,file.server.path={},file.export={NAME},file.reconnect-delay=60",
        place.path().display()
    );
    let mut client = Command::new("qemu-io")
        .args(["--image-opts", "-r", &options])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("qemu-io is needed by this test");
    let mut commands = client.stdin.take().unwrap();
    let mut answers = std::io::BufRead::lines(std::io::BufReader::new(client.stdout.take().unwrap()));
    let mut ask = move |command: &str| writeln!(commands, "{command}").unwrap();
    let mut hear = move || answers.by_ref().map(Result::unwrap).find(|line| line.contains("read ")).unwrap();
    ask("read 0 64k");
    assert!(hear().contains("read 65536/65536 bytes at offset 0"));
    first.stop().await;
    ask("read 0 512");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let _second = place.exports.serve(id, &place.path(), None, place.root).await.unwrap();
    let heard = tokio::task::spawn_blocking(hear).await.unwrap();
    assert!(heard.contains("read 512/512 bytes at offset 0"), "{heard}");
    drop(ask);
    client.wait().unwrap();
}
