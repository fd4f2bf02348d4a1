//! The lines of `/etc/fstab` that name disks, and whether those are there.

use crate::{
    bound::Bound,
    files::Files,
    volumes::{Content, Volume},
};

const PATH: &str = "/etc/fstab";
/// Lines that are looked at.
const MAX_LINES: usize = 200;
const MAX_FILE_BYTES: usize = 64 << 10;

/// A line that names a disk.
pub(super) struct Line {
    pub(super) device: String,
    mount: String,
    options: String,
}

/// The lines of the file under this root.
pub(super) fn lines(files: &Files) -> Vec<Line> {
    let text = files.text(PATH, MAX_FILE_BYTES).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (device, mount, _kind) = (fields.next()?, fields.next()?, fields.next()?);
        let options = fields.next().unwrap_or_default().to_owned();
        Some(Line { device: device.replace('"', ""), mount: mount.to_owned(), options })
    });
    let mut lines: Vec<Line> = lines.collect();
    if lines.len() > MAX_LINES {
        files.meet(Bound::FstabLines, PATH, &format!("has more than the {MAX_LINES} lines that are looked at"));
        lines.truncate(MAX_LINES);
    }
    lines
}

/// Where a volume is mounted.
pub(super) fn mount_of(lines: &[Line], volume: &Volume) -> Option<String> {
    let line = lines.iter().find(|line| line.mount.starts_with('/') && names(&line.device, volume))?;
    Some(match line.mount.trim_end_matches('/') {
        "" => "/".to_owned(),
        mount => mount.to_owned(),
    })
}

/// Whether a line is about a disk that is not there and that a boot waits for.
pub(super) fn is_missing(line: &Line, volumes: &[Volume]) -> bool {
    let is_waited_for = !line.options.split(',').any(|option| option == "nofail" || option == "noauto");
    let is_by_content = ["UUID=", "LABEL="].iter().any(|tag| line.device.starts_with(tag))
        || ["/dev/disk/by-uuid/", "/dev/disk/by-label/"].iter().any(|folder| line.device.starts_with(folder));
    let is_by_place = ["PARTUUID=", "PARTLABEL="].iter().any(|tag| line.device.starts_with(tag))
        || disk_and_partition(&line.device).is_some();
    // Of what is inside a volume that is not read here nobody knows the name.
    let may_hide_names = volumes.iter().any(|volume| matches!(volume.content, Content::Other(_) | Content::Ntfs));
    is_waited_for
        && (is_by_place || is_by_content && !may_hide_names)
        && !volumes.iter().any(|volume| names(&line.device, volume))
}

/// Whether a device of fstab is this volume.
fn names(device: &str, volume: &Volume) -> bool {
    let [label, uuid] = &volume.names;
    let part = volume.partition.as_ref();
    let (tag, value) = match device.split_once('=') {
        Some(tagged) => tagged,
        None => match device.strip_prefix("/dev/disk/by-").and_then(|rest| rest.split_once('/')) {
            Some(("uuid", value)) => ("UUID", value),
            Some(("label", value)) => ("LABEL", value),
            Some(("partuuid", value)) => ("PARTUUID", value),
            Some(("partlabel", value)) => ("PARTLABEL", value),
            _ => {
                return disk_and_partition(device).is_some_and(|(disk, number)| disk == 0 && number == volume.number());
            }
        },
    };
    match tag {
        "UUID" => value.eq_ignore_ascii_case(uuid),
        "LABEL" => !label.is_empty() && value == label,
        "PARTUUID" => part.is_some_and(|part| value.eq_ignore_ascii_case(&part.uuid)),
        "PARTLABEL" => part.is_some_and(|part| value == part.name),
        _ => false,
    }
}

/// Which disk and which of its partitions a kernel's name means: `/dev/vdb1` is the second disk's first.
fn disk_and_partition(device: &str) -> Option<(u32, Option<u32>)> {
    let name = device.strip_prefix("/dev/")?;
    if let Some(rest) = name.strip_prefix("nvme") {
        let (disk, rest) = rest.split_once("n1")?;
        let partition = match rest {
            "" => None,
            rest => Some(rest.strip_prefix('p')?.parse().ok()?),
        };
        return Some((disk.parse().ok()?, partition));
    }
    let rest = ["sd", "vd", "xvd", "hd"].iter().find_map(|kind| name.strip_prefix(kind))?;
    let letter = rest.chars().next().filter(char::is_ascii_lowercase)?;
    let partition = match &rest[1..] {
        "" => None,
        digits => Some(digits.parse().ok()?),
    };
    Some((u32::from(letter) - u32::from('a'), partition))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_names_are_taken_apart() {
        assert_eq!(disk_and_partition("/dev/vda2"), Some((0, Some(2))));
        assert_eq!(disk_and_partition("/dev/sdb"), Some((1, None)));
        assert_eq!(disk_and_partition("/dev/nvme1n1p3"), Some((1, Some(3))));
        for other in ["/dev/mapper/root", "/dev/sr0", "proc", "/dev/sdß"] {
            assert_eq!(disk_and_partition(other), None, "{other}");
        }
    }
}
