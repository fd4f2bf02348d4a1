//! A control group for each QEMU.

use std::path::{Path, PathBuf};

use crate::support::{Effigy, eventually, micro_disk};

/// A part of the host's control groups that is meant for a service, as systemd makes it; it goes with its last process.
struct Part(PathBuf);

impl Part {
    /// Makes it; `None` where this user may not, or there is no such hierarchy.
    fn make() -> Option<Part> {
        let hierarchy = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let hierarchy = hierarchy.into_iter().find(|path| path.join("cgroup.controllers").exists());
        let made = hierarchy.and_then(|hierarchy| {
            let part = hierarchy.join(format!("effigy-test-{}", std::process::id()));
            std::fs::create_dir_all(part.join("service")).ok()?;
            Some(Part(part))
        });
        #[allow(clippy::print_stderr, reason = "the test is less than its name")]
        if made.is_none() {
            eprintln!("NOT RUN: no control groups of version 2 can be made here; root can on most hosts.");
        }
        made
    }

    fn group_of(&self, id: &str) -> PathBuf {
        self.0.join(format!("qemu-{id}"))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let groups = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        for group in groups.filter(|group| group.path().is_dir()) {
            let _ = std::fs::remove_dir(group.path());
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[tokio::test]
async fn qemu_is_in_a_group_of_its_own_keeps_it_when_the_service_is_killed_and_leaves_none_behind() {
    let Some(part) = Part::make() else { return };
    let mut effigy = Effigy::prepared("[instances]\naccel = \"tcg\"\n");
    effigy.run_in_group(&part.0.join("service")).await;
    let admin = effigy.admin().await;
    let golden = admin.save_image("golden", "raw", micro_disk("golden", 2 << 20)).await;
    let guest = admin.launched("guest", &golden).await;
    let group = part.group_of(&guest);
    let members = || std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let [qemu] = effigy.guests()[..] else { panic!("one guest") };
    assert_eq!(members(), format!("{qemu}\n"));
    // Where the host gives the controllers to this hierarchy, and not to the first version.
    for (file, bound) in [("memory.max", (64 + 512) << 20), ("cpu.weight", 100), ("pids.max", 129)] {
        if group.join(file).exists() {
            assert_eq!(std::fs::read_to_string(group.join(file)).unwrap().trim(), bound.to_string(), "{file}");
        }
    }
    effigy.kill9();
    effigy.run().await;
    admin.instance_becomes(&guest, "ACTIVE").await;
    assert_eq!(members(), format!("{qemu}\n"));
    admin.delete(&format!("/compute/v2.1/servers/{guest}")).await.expect(204);
    eventually("its group is gone", std::time::Duration::from_secs(30), || async { (!group.exists()).then_some(()) })
        .await;
    effigy.stop().await;
}
