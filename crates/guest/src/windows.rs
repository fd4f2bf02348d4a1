//! Windows on a disk: which, and whether Sysprep has made it ready to be copied.
//!
//! Microsoft documents two places where Setup notes the state of an installation: the registry's
//! `Setup\State\ImageState`, and `Windows\Setup\State\State.ini`. Only when both say the same is it believed, and only
//! when nothing hints that writes of Windows are missing on the disk.

use crate::{
    files::{Files, Problem, printable},
    hive::Hive,
    report::{Boot, Fact, Facts, Family, Windows, WindowsState},
    table::le32,
    volumes::{Content, Volume},
};

const SOFTWARE: &str = "/Windows/System32/config/SOFTWARE";
const STATE_INI: &str = "/Windows/Setup/State/State.ini";
const STATE_KEY: &str = r"Microsoft\Windows\CurrentVersion\Setup\State";
const VERSION_KEY: &str = r"Microsoft\Windows NT\CurrentVersion";
/// State.ini has two lines.
const MAX_INI_BYTES: usize = 4096;

/// The verdict on the Windows on the volumes; the worst of several counts.
pub(crate) fn inspect(volumes: &[Volume]) -> Option<Windows> {
    let mut found: Vec<Windows> = volumes.iter().filter_map(of_volume).collect();
    if found.is_empty() {
        return hidden(volumes).map(unknown);
    }
    found.sort_by_key(|windows| windows.state as u8);
    found.pop()
}

/// The volume that Windows is on.
pub(crate) fn system(volumes: &[Volume]) -> Option<(&Volume, &Files)> {
    let systems = volumes.iter().filter_map(|volume| Some((volume, volume.files.as_ref()?)));
    systems.into_iter().find(|(volume, files)| volume.content == Content::Ntfs && is_system(files))
}

fn is_system(files: &Files) -> bool {
    files.has_folder("/Windows/System32/config")
}

fn of_volume(volume: &Volume) -> Option<Windows> {
    if volume.content != Content::Ntfs {
        return None;
    }
    let Some(files) = &volume.files else {
        let problem = volume.problem.as_deref().unwrap_or("it cannot be read");
        return Some(unknown(format!("An NTFS volume, which may hold Windows, cannot be read: {problem}.")));
    };
    match files.stat("/Windows/System32/config") {
        Err(Problem::Missing) => None,
        Err(problem) => Some(unknown(format!("An NTFS volume, which may hold Windows, cannot be read: {problem}."))),
        Ok(_) => Some(state(volume, files)),
    }
}

fn unknown(found: String) -> Windows {
    Windows { state: WindowsState::Unknown, found }
}

/// Signs of a Windows whose own volume is not among those that can be read.
fn hidden(volumes: &[Volume]) -> Option<String> {
    if volumes.iter().any(|volume| volume.content == Content::BitLocker) {
        return Some("A volume is encrypted with BitLocker, so nobody can look into it.".into());
    }
    let loads_windows = |files: &Files| files.has("/EFI/Microsoft/Boot/bootmgfw.efi") || files.has("/bootmgr");
    let loader = volumes.iter().filter_map(|volume| volume.files.as_ref()).any(loads_windows);
    loader.then(|| "There is Windows' boot loader, but no volume with Windows that can be read.".into())
}

fn state(volume: &Volume, files: &Files) -> Windows {
    if is_hibernated(files) {
        return unknown("Windows is hibernated (hiberfil.sys holds its memory), so its disk is not at rest.".into());
    }
    if let Some(why) = &volume.unfinished {
        return unknown(format!("Windows was not shut down: {why}."));
    }
    let registry = match Hive::open(files, SOFTWARE).and_then(|hive| hive.text(STATE_KEY, "ImageState")) {
        Ok(Some(state)) => state,
        Ok(None) => return unknown("Windows' registry says nothing of its ImageState.".into()),
        Err(problem) => return unknown(format!("Windows' registry cannot be read (SOFTWARE): {problem}.")),
    };
    let Some(ini) = files.read(STATE_INI, 0, MAX_INI_BYTES).ok().and_then(|bytes| image_state(&bytes)) else {
        return unknown(r"Windows\Setup\State\State.ini is missing or says nothing of its ImageState.".into());
    };
    let (registry, ini) = (printable(&registry, 80), printable(&ini, 80));
    if !registry.eq_ignore_ascii_case(&ini) {
        return unknown(format!("Windows' registry says {registry} and State.ini says {ini}."));
    }
    let is_generalized = registry.to_ascii_uppercase().starts_with("IMAGE_STATE_GENERALIZE_RESEAL_TO_");
    let state = if is_generalized { WindowsState::Generalized } else { WindowsState::NotGeneralized };
    Windows { state, found: format!("Windows' ImageState is {registry}.") }
}

/// A hibernation file begins with `hibr` while there is a system to wake, and with other bytes afterwards.
pub(crate) fn is_hibernated(files: &Files) -> bool {
    let head = files.read("/hiberfil.sys", 0, 4).unwrap_or_default();
    [b"hibr".as_slice(), b"rstr"].contains(&head.to_ascii_lowercase().as_slice())
}

/// The value of `ImageState` in an INI file, which may be UTF-16.
fn image_state(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => {
            let units: Vec<u16> = rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    };
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    lines.find(|(name, _)| name.trim().eq_ignore_ascii_case("ImageState")).map(|(_, value)| value.trim().to_owned())
}

/// The facts of a Windows.
pub(crate) fn facts(files: &Files, boot: Fact<Boot>) -> Facts {
    let hive = Hive::open(files, SOFTWARE);
    let text = |name: &str| match &hive {
        Ok(hive) => match hive.text(VERSION_KEY, name) {
            Ok(text) => Fact::of(text.map(|text| printable(&text, 100)), "the registry does not say"),
            Err(problem) => Fact::Unknown(problem.to_string()),
        },
        Err(problem) => Fact::Unknown(problem.to_string()),
    };
    let version = match text("CurrentBuild") {
        // Since Windows 10 the major version is a number, which is 10, and the old text stays at 6.3.
        Fact::Known(build) if build.parse::<u32>().is_ok_and(|build| build >= 10_240) => {
            Fact::Known(format!("10.0.{build}"))
        }
        Fact::Known(build) => match text("CurrentVersion") {
            Fact::Known(version) => Fact::Known(format!("{version}.{build}")),
            Fact::Unknown(why) => Fact::Unknown(why),
        },
        unknown => unknown,
    };
    Facts {
        family: Fact::Known(Family::Windows),
        distribution: Fact::Known("windows".into()),
        version,
        name: text("ProductName"),
        architecture: Fact::of(architecture(files), "Windows' system library is not there or no program"),
        boot,
        cloud_init: Fact::Known(!files.places("/Program Files*/Cloudbase Solutions/Cloudbase-Init").is_empty()),
        guest_agent: Fact::Known(!files.places("/Program Files*/Qemu-ga/qemu-ga.exe").is_empty()),
        virtio: Fact::Known(["viostor", "vioscsi"].iter().any(|driver| files.has(&driver_path(driver)))),
        root_free_bytes: Fact::of(files.free_bytes(), "the volume's bitmap cannot be read"),
    }
}

fn driver_path(driver: &str) -> String {
    format!("/Windows/System32/drivers/{driver}.sys")
}

/// The machine that a program of Windows' is for, from its header (PE format: `Machine`).
fn architecture(files: &Files) -> Option<String> {
    let head = files.read("/Windows/System32/ntdll.dll", 0, 4096).ok()?;
    let at = le32(head.get(60..64)?) as usize;
    let machine = head.get(at..at.checked_add(6)?).filter(|header| header.starts_with(b"PE\0\0"))?;
    match u16::from_le_bytes([machine[4], machine[5]]) {
        0x8664 => Some("x86_64".into()),
        0xaa64 => Some("aarch64".into()),
        0x014c => Some("i686".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_ini_is_read_in_both_of_its_encodings() {
        let text = "[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n";
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(image_state(text.as_bytes()).as_deref(), Some("IMAGE_STATE_COMPLETE"));
        assert_eq!(image_state(&wide).as_deref(), Some("IMAGE_STATE_COMPLETE"));
        assert_eq!(image_state(b"[State]\r\n"), None);
    }
}
