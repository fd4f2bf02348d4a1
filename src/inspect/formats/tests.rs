//! Files that QEMU made, through a real store.

use std::{fs, path::PathBuf, process::Command, sync::Arc};

use bytes::Bytes;
use chunks::{Options, Store, suite::MemoryIndex};
use tempfile::TempDir;

use super::*;

const LIMITS: Limits = Limits { virtual_size_bytes: 1 << 40 };

struct Place {
    folder: TempDir,
    store: Store,
}

/// Data, holes, a cluster that compresses, and an end that fills no chunk.
fn disk() -> Vec<u8> {
    let mut disk = vec![0; (4 << 20) + 512];
    let mut state = 7_u64;
    for byte in &mut disk[65_536..365_536] {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = (state >> 33) as u8;
    }
    disk[1 << 20..][..65_536].fill(b'A');
    disk[2 << 20..][..4096].fill(b'B');
    let end = disk.len();
    disk[end - 512..].fill(b'E');
    disk
}

impl Place {
    async fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let index = Arc::new(MemoryIndex::new());
        let store = Store::open(&folder.path().join("store"), index, Options::default()).await.unwrap();
        Place { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn qcow2(&self, options: &[&str]) -> Vec<u8> {
        self.made("qcow2", options, &disk())
    }

    /// The file that QEMU makes of a disk.
    fn made(&self, driver: &str, options: &[&str], disk: &[u8]) -> Vec<u8> {
        fs::write(self.path("src.raw"), disk).unwrap();
        let mut command = Command::new("qemu-img");
        command.args(["convert", "-f", "raw", "-O", driver]).args(options);
        let status = command.arg(self.path("src.raw")).arg(self.path("made")).status();
        assert!(status.expect("qemu-img is needed by this test").success());
        fs::read(self.path("made")).unwrap()
    }

    async fn save(&self, bytes: Vec<u8>) -> (Reader, Content) {
        let session = self.store.begin().await.unwrap();
        let mut writer = session.writer();
        writer.write(Bytes::from(bytes)).await.unwrap();
        let content = writer.finish().await.unwrap();
        session.finish().await;
        (self.store.reader(content.root).await.unwrap(), content)
    }

    async fn disk_of(&self, file: &Reader, format: Format) -> Result<Option<Content>> {
        let session = self.store.begin().await.unwrap();
        let disk = disk_of(&session, file, format).await;
        session.finish().await;
        disk
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_of_every_qcow2_is_the_disk_it_was_made_of() {
    let place = Place::new().await;
    let (_, raw) = place.save(disk()).await;
    for options in [
        &[][..],
        &["-c"],
        &["-c", "-o", "compression_type=zstd"],
        &["-o", "compat=0.10"],
        &["-o", "cluster_size=512"],
        &["-o", "cluster_size=4k"],
        &["-o", "cluster_size=2M"],
        &["-c", "-o", "cluster_size=512"],
        &["-o", "extended_l2=on,cluster_size=128k"],
        &["-o", "preallocation=metadata"],
        &["-S", "0"],
    ] {
        let (file, _) = place.save(place.qcow2(options)).await;
        let checked = judge(&file, "qcow2", LIMITS).await.unwrap();
        assert_eq!(checked.virtual_size_bytes, disk().len() as u64);
        let made = place.disk_of(&file, checked.format).await.unwrap().unwrap();
        assert_eq!(made.root, raw.root, "{options:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_of_every_other_format_is_the_disk_it_was_made_of() {
    let place = Place::new().await;
    // Streams hold whole grains.
    let mut disk = disk();
    disk.resize(5 << 20, 0);
    let (_, raw) = place.save(disk.clone()).await;
    for (word, driver, options) in [
        ("vmdk", "vmdk", &["-o", "subformat=monolithicSparse"][..]),
        ("vmdk", "vmdk", &["-o", "subformat=streamOptimized"]),
        ("vhd", "vpc", &["-o", "subformat=dynamic,force_size=on"]),
        ("vhd", "vpc", &["-o", "subformat=fixed,force_size=on"]),
        ("vhdx", "vhdx", &["-o", "subformat=dynamic"]),
        ("vhdx", "vhdx", &["-o", "subformat=fixed"]),
        ("vdi", "vdi", &[]),
        ("vdi", "vdi", &["-o", "static=on"]),
    ] {
        let (file, _) = place.save(place.made(driver, options, &disk)).await;
        let checked = judge(&file, word, LIMITS).await.unwrap();
        assert_eq!((checked.format.word(), checked.virtual_size_bytes), (word, disk.len() as u64));
        let made = place.disk_of(&file, checked.format).await.unwrap().unwrap();
        assert_eq!(made.root, raw.root, "{word} {options:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_lie_on_the_bounds_of_chunks_are_shared_with_the_file() {
    for (word, driver, options) in [
        ("vhdx", "vhdx", &[][..]),
        ("vhd", "vpc", &["-o", "subformat=fixed,force_size=on"]),
        ("vmdk", "vmdk", &["-o", "subformat=monolithicSparse"]),
    ] {
        let place = Place::new().await;
        let (file, stored) = place.save(place.made(driver, options, &disk())).await;
        assert!(stored.stored_bytes > 300_000, "{stored:?}");
        let checked = judge(&file, word, LIMITS).await.unwrap();
        let made = place.disk_of(&file, checked.format).await.unwrap().unwrap();
        assert!(made.further_bytes < 10_000, "{word}: {made:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_file_is_its_own_disk_in_whole_sectors() {
    let place = Place::new().await;
    let (file, _) = place.save(disk()).await;
    let checked = judge(&file, "raw", LIMITS).await.unwrap();
    assert_eq!(place.disk_of(&file, checked.format).await.unwrap(), None);
    let (file, _) = place.save(vec![5; 70_000]).await;
    assert_eq!(judge(&file, "raw", LIMITS).await.unwrap().virtual_size_bytes, 70_144);
    let made = place.disk_of(&file, Format::Raw).await.unwrap().unwrap();
    let mut padded = vec![5; 70_000];
    padded.resize(70_144, 0);
    assert_eq!(made.root, place.save(padded).await.1.root);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_its_rule() {
    let place = Place::new().await;
    let (file, _) = place.save(place.qcow2(&[])).await;
    let rule = |judged: Result<Checked>| match judged {
        Err(Error::Refused { rule, message }) => {
            assert!(message.starts_with("The image is refused: "), "{message}");
            rule
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(rule(judge(&file, "raw", LIMITS).await), "format_mismatch");
    assert_eq!(rule(judge(&file, "vmdk", LIMITS).await), "format_mismatch");
    assert_eq!(rule(judge(&file, "ova", LIMITS).await), "banned_format");
    assert_eq!(rule(judge(&file, "qcow2", Limits { virtual_size_bytes: 1 << 20 }).await), "too_large");
    assert!(matches!(judge(&file, "floppy", LIMITS).await, Err(Error::Invalid(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_compressed_data_is_refused_when_the_disk_is_made() {
    let place = Place::new().await;
    let mut bytes = place.qcow2(&["-c"]);
    let end = bytes.len();
    // Data is behind the tables, in the last of the file.
    bytes[end - 2000..end].fill(0xff);
    let (file, _) = place.save(bytes).await;
    let checked = judge(&file, "qcow2", LIMITS).await.unwrap();
    let made = place.disk_of(&file, checked.format).await;
    assert!(matches!(made, Err(Error::Refused { rule: "corrupt", .. })), "{made:?}");
}
