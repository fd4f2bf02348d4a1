//! Real clients on real sockets.

use std::{io::Write as _, os::unix::fs::PermissionsExt as _, process::Command};

use bytes::Bytes;
use chunks::Digest;
use tempfile::TempDir;

use super::*;
use crate::db::Database;

struct Shop {
    folder: TempDir,
    exports: Exports,
    disk: Place,
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

async fn save(stores: &Stores, bytes: Vec<u8>) -> Place {
    let session = stores.default_store().begin().await.unwrap();
    let mut writer = session.chunks.writer();
    writer.write(Bytes::from(bytes)).await.unwrap();
    let root = writer.finish().await.unwrap().root;
    session.finish().await;
    Place { store: "local".into(), root }
}

async fn shop() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::sqlite(&folder.path().join("effigy.db")).await.unwrap();
    let stores = Stores::local(&db, folder.path().join("store")).await.unwrap();
    let disk = save(&stores, disk()).await;
    Shop { folder, exports: Exports::new(stores), disk }
}

impl Shop {
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
    let shop = shop().await;
    let handle = shop.exports.serve(InstanceId::new(), &shop.path(), None, &shop.disk).await.unwrap();
    assert!(shop.copy().await == Some(disk()));
    let mode = std::fs::symlink_metadata(shop.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    handle.stop().await;
    assert!(!shop.path().exists());
    assert!(shop.copy().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn serving_again_is_the_same_export_until_the_last_handle() {
    let shop = shop().await;
    let id = InstanceId::new();
    let first = shop.exports.serve(id, &shop.path(), None, &shop.disk).await.unwrap();
    let second = shop.exports.serve(id, &shop.path(), None, &shop.disk).await.unwrap();
    drop(first);
    assert!(shop.copy().await == Some(disk()));
    let ended = second.0.ended.clone();
    drop(second);
    ended.cancelled().await;
    assert!(!shop.path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_disk_takes_the_place_of_the_last() {
    let shop = shop().await;
    let id = InstanceId::new();
    let _first = shop.exports.serve(id, &shop.path(), None, &shop.disk).await.unwrap();
    let other = save(&shop.exports.0.stores, vec![9; 65_536]).await;
    let _second = shop.exports.serve(id, &shop.path(), None, &other).await.unwrap();
    assert!(shop.copy().await == Some(vec![9; 65_536]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_service_left_is_replaced() {
    let shop = shop().await;
    drop(std::os::unix::net::UnixListener::bind(shop.path()).unwrap());
    let _handle = shop.exports.serve(InstanceId::new(), &shop.path(), None, &shop.disk).await.unwrap();
    assert!(shop.copy().await == Some(disk()));
}

#[tokio::test]
async fn a_disk_that_is_not_there_gets_no_socket() {
    let shop = shop().await;
    let disk = Place { store: "local".into(), root: Digest::of(b"something else") };
    let served = shop.exports.serve(InstanceId::new(), &shop.path(), None, &disk).await;
    assert!(served.is_err());
    assert!(!shop.path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_waits_for_a_disk_that_went_away_and_reads_on() {
    let shop = shop().await;
    let id = InstanceId::new();
    let first = shop.exports.serve(id, &shop.path(), None, &shop.disk).await.unwrap();
    let options = format!(
        "driver=raw,file.driver=nbd,file.server.type=unix,file.server.path={},file.export={NAME},file.reconnect-delay=60",
        shop.path().display()
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
    let _second = shop.exports.serve(id, &shop.path(), None, &shop.disk).await.unwrap();
    let heard = tokio::task::spawn_blocking(hear).await.unwrap();
    assert!(heard.contains("read 512/512 bytes at offset 0"), "{heard}");
    drop(ask);
    client.wait().unwrap();
}
