//! A file system of its own that others fill to the last byte, or the last inode: what frees room goes on.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use crate::support::{Effigy, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// A small file system in the place of a data folder, for as long as it lives.
struct Small(PathBuf);

impl Small {
    /// Mounts it; `None` where this user may mount nothing.
    fn mount(folder: PathBuf, options: &str) -> Option<Small> {
        std::fs::create_dir_all(&folder).expect("a folder");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(&folder).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Small(folder));
        }
        #[allow(clippy::print_stderr, reason = "the test is less than its name")]
        {
            eprintln!("NOT RUN: a small file system cannot be mounted here; root can.");
        }
        None
    }

    /// Takes every byte that is left.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.0.join("filler")).expect("a file");
        for piece in [1 << 20, 4096] {
            while file.write_all(&vec![1; piece]).is_ok() {}
        }
    }

    /// Takes every inode that is left.
    fn fill_with_files(&self) {
        std::fs::create_dir_all(self.0.join("fillers")).ok();
        let mut n = 0;
        while File::create(self.0.join(format!("fillers/{n}"))).is_ok() {
            n += 1;
        }
    }

    fn clear(&self) {
        std::fs::remove_file(self.0.join("filler")).ok();
        std::fs::remove_dir_all(self.0.join("fillers")).ok();
    }

    fn has_ballast(&self) -> bool {
        std::fs::read_dir(self.0.join("ballast")).is_ok_and(|files| files.count() == 16)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // The service may be about to end still: the mount goes when the last file in it is closed.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn random(count: usize) -> Vec<u8> {
    let mut random = vec![0; count];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random)).expect("random bytes");
    random
}

async fn ballast_is_there(small: &Small) {
    eventually("room is set aside", PATIENCE, || async { small.has_ballast().then_some(()) }).await;
}

/// A service on a small file system with an image of 40 MiB, and its ballast.
async fn on_a_small_disk(options: &str) -> Option<(Small, Effigy, String)> {
    let mut effigy = Effigy::prepared_on_sqlite("[store]\nreserve_mib = 8\n[instances]\nenabled = false\n");
    let small = Small::mount(effigy.data(), options)?;
    effigy.run().await;
    let image = effigy.admin().await.save_image("large", "raw", random(40 << 20)).await;
    ballast_is_there(&small).await;
    Some((small, effigy, image))
}

#[tokio::test]
async fn full_disk_is_emptied_by_a_delete() {
    let Some((small, mut effigy, image)) = on_a_small_disk("size=300m").await else { return };
    let admin = effigy.admin().await;
    small.fill();
    // Room for the delete comes within a second or two; until then the answer says to try again.
    eventually("the image is deleted", PATIENCE, || async {
        let answer = admin.delete(&format!("/image/v2/images/{image}")).await;
        assert!([204, 503].contains(&answer.status), "{}", answer.text());
        (answer.status == 204).then_some(())
    })
    .await;
    let events = admin.get("/effigy/v1/audit?action=image.delete").await.expect(200).text();
    assert!(events.contains(&image), "{events}");
    // A start, a sign-in and a sweep on a disk that is full again.
    small.fill();
    effigy.kill9();
    small.fill();
    effigy.run_unready().await;
    effigy.admin().await.get("/image/v2/images").await.expect(200);
    assert_eq!(effigy.stop().await.code(), Some(0));
    small.fill();
    let swept = effigy.command(&["store", "sweep"]).output().expect("the command");
    assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
    small.clear();
    effigy.run().await;
    ballast_is_there(&small).await;
}

#[tokio::test]
async fn last_inodes_are_set_aside_too() {
    let Some((small, mut effigy, image)) = on_a_small_disk("size=300m,nr_inodes=400").await else { return };
    let admin = effigy.admin().await;
    small.fill_with_files();
    eventually("the image is deleted", PATIENCE, || async {
        (admin.delete(&format!("/image/v2/images/{image}")).await.status == 204).then_some(())
    })
    .await;
    // The end takes files away, and the start needs as many.
    effigy.stop().await;
    small.fill_with_files();
    effigy.run_unready().await;
    effigy.admin().await.get("/image/v2/images").await.expect(200);
    small.clear();
    ballast_is_there(&small).await;
}

#[tokio::test]
async fn service_is_well_again_after_all_its_ballast_was_eaten() {
    let Some((small, effigy, _)) = on_a_small_disk("size=300m").await else { return };
    let admin = effigy.admin().await;
    eventually("nothing is left", PATIENCE, || async {
        small.fill();
        let left = std::fs::read_dir(small.0.join("ballast")).expect("the folder").count();
        (left == 0).then_some(())
    })
    .await;
    small.clear();
    ballast_is_there(&small).await;
    admin.save_image("after", "raw", random(1 << 20)).await;
}
