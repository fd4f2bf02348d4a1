//! A control group for each QEMU, where the host has the second version of them and gives this service a part.
//!
//! ```text
//! effigy.service/       the instances' part: no process is in it itself
//!   service/            this service, put there by whatever starts it (systemd: DelegateSubgroup=service)
//!   qemu-ID/            one QEMU: memory.max, cpu.weight, pids.max
//! ```
//!
//! The service never moves itself. Under systemd it would not start again while guests run: a group whose children have
//! bounds takes no process, and that would be the group that systemd puts the service into.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::ids::InstanceId;

/// The name of the service's own group: a part that is not meant for instances has none of this name in it.
const OWN: &str = "service";
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// Memory that a QEMU may take besides its guest's: translated code (128 MiB under emulation), the screen, threads, and
/// tables of its disks. The pages of its files count too; the kernel takes them back first.
const OVERHEAD_MIB: u64 = 512;
/// Threads of a QEMU besides one for each processor: 64 read and write its disks, some serve its sockets.
const OTHER_THREADS: u32 = 128;
/// The weight of one processor; a group's is a hundred unless it is said.
const WEIGHT: u32 = 100;
const MOST_WEIGHT: u32 = 10_000;

/// The groups of the QEMUs of one service.
#[derive(Debug)]
pub(super) struct Groups {
    part: PathBuf,
    controllers: Vec<&'static str>,
    /// Held while a group is made and while empty ones are removed: a group that was just made is empty.
    making: Mutex<()>,
}

impl Groups {
    /// The part of this process, with the controllers that the host gives switched on for it.
    ///
    /// # Errors
    /// Why there is none, in words that go on after a colon.
    pub(super) fn find() -> Result<Groups, String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
        let groups = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let hierarchy = mount_of(&mounts).ok_or("this host has no control groups of version 2")?;
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).ok_or("this process is in none")?;
        Groups::around(&hierarchy.join(own))
    }

    /// The part around the service's own group.
    fn around(own: &Path) -> Result<Groups, String> {
        if own.file_name().is_none_or(|name| name != OWN) {
            return Err(format!("this service is in {}, which is not called '{OWN}'", own.display()));
        }
        let part = own.parent().expect("a path with a name has a parent").to_owned();
        let read = fs::read_to_string(part.join("cgroup.controllers"));
        let there = read.map_err(|error| format!("{}: {error}", part.display()))?;
        let given: Vec<_> =
            CONTROLLERS.into_iter().filter(|name| there.split_whitespace().any(|found| found == *name)).collect();
        for name in &given {
            let switched = fs::write(part.join("cgroup.subtree_control"), format!("+{name}"));
            switched.map_err(|error| format!("{} cannot bound {name}: {error}", part.display()))?;
        }
        Ok(Groups { part, controllers: given, making: Mutex::default() })
    }

    /// The groups, and a line in the log that says what bounds there are.
    pub(super) fn announced() -> Option<Groups> {
        match Groups::find() {
            Ok(groups) => {
                let (part, bounds) = (groups.part.display(), groups.controllers.join(", "));
                tracing::info!("each QEMU has a control group of its own in {part}, with bounds on: {bounds}");
                groups.clear();
                Some(groups)
            }
            Err(why) => {
                tracing::warn!(
                    "no QEMU has a control group, so none has a bound on memory and processor time of its own \
                     (docs/operations.md): {why}"
                );
                None
            }
        }
    }

    /// Puts a QEMU that has just started into a group of its own; its threads are made there from then on.
    pub(super) fn put(&self, id: InstanceId, pid: i32, vcpus: u32, memory_mib: u64) -> io::Result<()> {
        let _making = self.lock();
        self.remove_empty();
        let group = self.part.join(format!("qemu-{id}"));
        match fs::create_dir(&group) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        for controller in &self.controllers {
            let (file, bound) = match *controller {
                "memory" => ("memory.max", (memory_mib + OVERHEAD_MIB) << 20),
                "cpu" => ("cpu.weight", vcpus.saturating_mul(WEIGHT).clamp(1, MOST_WEIGHT).into()),
                _ => ("pids.max", vcpus.saturating_add(OTHER_THREADS).into()),
            };
            fs::write(group.join(file), bound.to_string())?;
        }
        fs::write(group.join("cgroup.procs"), pid.to_string())
    }

    /// Removes the groups whose QEMU has ended.
    pub(super) fn clear(&self) {
        let _making = self.lock();
        self.remove_empty();
    }

    fn remove_empty(&self) {
        let groups = fs::read_dir(&self.part).into_iter().flatten().flatten();
        for group in groups.filter(|group| group.file_name().to_string_lossy().starts_with("qemu-")) {
            // The kernel refuses to remove one that has a process.
            let _ = fs::remove_dir(group.path());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ()> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where version 2 is mounted, out of `/proc/self/mountinfo` (`man 5 proc`): root and place are the fields 4 and 5, and
/// the kind follows a dash.
fn mount_of(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (head, tail) = line.split_once(" - ")?;
        let fields: Vec<&str> = head.split(' ').collect();
        (tail.starts_with("cgroup2 ") && fields.get(3) == Some(&"/")).then(|| PathBuf::from(fields[4]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of plain files in the place of the kernel's.
    fn tree(controllers: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("effigy.service/service");
        fs::create_dir_all(&own).unwrap();
        fs::write(folder.path().join("effigy.service/cgroup.controllers"), controllers).unwrap();
        (folder, own)
    }

    #[test]
    fn qemu_is_bounded_by_its_guests_size_in_every_way_that_the_host_gives() {
        let (folder, own) = tree("cpuset cpu io memory pids\n");
        let groups = Groups::around(&own).unwrap();
        let id = InstanceId::new();
        groups.put(id, 4711, 4, 1024).unwrap();
        let read = |file: &str| {
            let group = folder.path().join("effigy.service").join(format!("qemu-{id}"));
            fs::read_to_string(group.join(file)).unwrap()
        };
        assert_eq!(read("memory.max"), (1536_u64 << 20).to_string());
        assert_eq!(
            (read("cpu.weight"), read("pids.max"), read("cgroup.procs")),
            ("400".into(), "132".into(), "4711".into())
        );
    }

    #[test]
    fn host_without_a_controller_bounds_the_rest() {
        let (folder, own) = tree("pids\n");
        let id = InstanceId::new();
        Groups::around(&own).unwrap().put(id, 4711, 1, 64).unwrap();
        let group = folder.path().join("effigy.service").join(format!("qemu-{id}"));
        assert!(group.join("pids.max").exists() && !group.join("memory.max").exists());
    }

    #[test]
    fn part_that_is_not_meant_for_instances_is_left_alone() {
        let (folder, own) = tree("cpu memory pids\n");
        let unit = own.parent().unwrap();
        assert!(Groups::around(unit).unwrap_err().contains("not called 'service'"));
        assert!(Groups::around(&folder.path().join("other/service")).unwrap_err().contains("other"));
        assert!(!unit.join("cgroup.subtree_control").exists());
    }

    #[test]
    fn hierarchy_is_found_among_the_mounts() {
        let mounts = "30 1 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      31 30 0:27 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n\
                      40 30 0:36 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        assert_eq!(mount_of(mounts), Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(mount_of("31 30 0:27 / /sys rw - sysfs sysfs rw\n"), None);
    }
}
