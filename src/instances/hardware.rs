//! The virtual hardware that an image asks for in Nova's words, settled once, at the launch (docs/hardware.md).
//!
//! A property that is known here has its known values: any other is refused by name, and so is a value that this host
//! cannot honour. Properties that Nova does not know either are nobody's promise, and are left alone as Nova leaves them.

use std::{collections::BTreeMap, path::Path, str::FromStr};

use strum::VariantNames;

use super::firmware;
use crate::{
    error::{Error, Result},
    model::hardware::{Board, Bus, Card, Firmware, Hardware, SecureBoot, Topology},
};

/// The processor of every host there is, by each of its names; a 32-bit system runs on it too.
const ARCHITECTURES: [&str; 7] = ["x86_64", "amd64", "i686", "i386", "i486", "i586", "x86"];
const YES: [&str; 6] = ["true", "yes", "on", "1", "t", "y"];
const NO: [&str; 6] = ["false", "no", "off", "0", "f", "n"];

/// Properties that promise what no instance here has, and the values that promise nothing. A name that ends in a dot
/// stands for all that begin with it.
const PROMISES: [(&str, &[&str]); 25] = [
    ("hypervisor_type", &["qemu", "kvm"]),
    ("img_hv_type", &["qemu", "kvm"]),
    ("kernel_id", &[]),
    ("ramdisk_id", &[]),
    ("os_command_line", &[]),
    ("hw_firmware_stateless", &NO),
    ("hw_tpm_version", &[]),
    ("hw_tpm_model", &[]),
    ("hw_rng_model", &["virtio"]),
    ("hw_pointer_model", &["usbtablet"]),
    ("hw_cpu_policy", &["shared"]),
    ("hw_cpu_thread_policy", &["prefer"]),
    ("hw_emulator_threads_policy", &["share"]),
    ("hw_mem_page_size", &["any", "small"]),
    ("hw_numa_nodes", &["1"]),
    ("hw_numa_cpus.", &[]),
    ("hw_numa_mem.", &[]),
    ("hw_vif_multiqueue_enabled", &NO),
    ("hw_virtio_packed_ring", &NO),
    ("hw_mem_encryption", &NO),
    ("hw_locked_memory", &NO),
    ("hw_ephemeral_encryption", &NO),
    ("hw_viommu_model", &[]),
    ("hw_video_ram", &[]),
    ("hw_serial_port_count", &["1"]),
];

/// Bytes of the disk's sectors, which Nova has no word for.
const SECTOR_BYTES: &str = "hw_disk_sector_bytes";

/// The properties of an image, as a launch reads them.
struct Asked<'a>(&'a BTreeMap<String, String>);

/// The facts about an image that are not its properties.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    /// The processor that its verification found its system to be for.
    pub(super) architecture: Option<&'a str>,
    /// `bios` or `uefi`, where its verification found that it boots with one of them only.
    pub(super) boots_by: Option<&'static str>,
    pub(super) is_cd: bool,
    /// Bytes of the sectors that its partition table counts in, where it says so.
    pub(super) sector_bytes: Option<u32>,
    /// The folder of the firmware's files.
    pub(super) firmware: &'a Path,
}

/// Settles the machine of an instance with so many processors.
///
/// # Errors
/// `Invalid` for a value that cannot be honoured here, by name, with those that can.
pub(super) fn settle(properties: &BTreeMap<String, String>, vcpus: u32, facts: Facts<'_>) -> Result<Hardware> {
    let asked = Asked(properties);
    for (name, value) in properties.iter().filter(|(_, value)| !value.is_empty()) {
        let is_of = |start: &str| if start.ends_with('.') { name.starts_with(start) } else { name == start };
        let promise = PROMISES.iter().find(|(start, _)| is_of(start));
        if let Some((_, harmless)) = promise.filter(|(_, harmless)| !harmless.contains(&&*value.to_ascii_lowercase())) {
            return Err(refused(name, value, harmless));
        }
    }
    asked.processor(facts.architecture)?;
    let (firmware, board) = asked.firmware(facts)?;
    let disk_bus: Bus = asked.word("hw_disk_bus")?.unwrap_or_default();
    if (board, disk_bus) == (Board::Q35, Bus::Ide) {
        return Err(refused("hw_disk_bus", "ide", &["virtio", "scsi", "sata"]));
    }
    let has_tablet = asked.0.contains_key("hw_pointer_model");
    Ok(Hardware {
        board,
        firmware,
        cd: facts.is_cd.then(|| asked.cd(board)).transpose()?,
        sector_bytes: asked.sector_bytes(disk_bus, facts.sector_bytes)?,
        topology: asked.topology(vcpus)?,
        disk_bus,
        scsi: asked.word("hw_scsi_model")?.unwrap_or_default(),
        card: asked.word("hw_vif_model")?.unwrap_or_default(),
        video: asked.word("hw_video_model")?.unwrap_or_default(),
        tablet: asked.word("hw_input_bus")?.or_else(|| has_tablet.then(Default::default)),
        watchdog: asked.word("hw_watchdog_action")?.unwrap_or_default(),
        has_agent: asked.flag("hw_qemu_guest_agent")?.unwrap_or_default(),
        has_boot_menu: asked.flag("hw_boot_menu")?.unwrap_or_default(),
        hpet: asked.flag("hw_time_hpet")?,
        is_windows: asked.is("os_type", "windows"),
    })
}

/// The division of so many processors that an image with these properties asks for.
///
/// # Errors
/// `Invalid` when its numbers do not come to that many.
pub(super) fn topology(properties: &BTreeMap<String, String>, vcpus: u32) -> Result<Option<Topology>> {
    Asked(properties).topology(vcpus)
}

/// The machine of an instance that was launched before machines were settled at the launch: four properties were read, and
/// any other value was the default.
pub(super) fn as_before(properties: &BTreeMap<String, String>) -> Hardware {
    let asked = Asked(properties);
    let card = match asked.word("hw_vif_model") {
        Ok(Some(card @ (Card::E1000 | Card::E1000e | Card::Rtl8139))) => card,
        _ => Card::Virtio,
    };
    let is_q35 = asked.0.get("hw_machine_type").is_some_and(|value| value.to_ascii_lowercase().contains("q35"));
    let disk_bus = match (asked.word("hw_disk_bus").ok().flatten().unwrap_or_default(), is_q35) {
        (Bus::Ide, true) => Bus::Sata,
        (bus, _) => bus,
    };
    let board = if is_q35 { Board::Q35 } else { Board::Pc };
    Hardware { board, disk_bus, card, is_windows: asked.is("os_type", "windows"), ..Hardware::default() }
}

impl Asked<'_> {
    /// A property that is said.
    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn is(&self, name: &str, word: &str) -> bool {
        self.value(name).is_some_and(|value| value.eq_ignore_ascii_case(word))
    }

    fn word<T: FromStr + VariantNames>(&self, name: &str) -> Result<Option<T>> {
        let read = |value: &str| value.to_ascii_lowercase().parse().map_err(|_| refused(name, value, T::VARIANTS));
        self.value(name).map(read).transpose()
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        let read = |value: &str| match value.to_ascii_lowercase() {
            word if YES.contains(&&*word) => Ok(true),
            word if NO.contains(&&*word) => Ok(false),
            _ => Err(refused(name, value, &["true", "false"])),
        };
        self.value(name).map(read).transpose()
    }

    /// A machine type with a version is the board without one: QEMU drops old versions, and instances outlive them.
    fn board(&self) -> Result<Option<Board>> {
        let Some(value) = self.value("hw_machine_type") else { return Ok(None) };
        let board = match value.to_ascii_lowercase().as_str() {
            "q35" => Board::Q35,
            "pc" => Board::Pc,
            word if word.starts_with("pc-q35-") => Board::Q35,
            word if word.starts_with("pc-i440fx-") => Board::Pc,
            _ => return Err(refused("hw_machine_type", value, &["pc", "q35", "pc-i440fx-…", "pc-q35-…"])),
        };
        Ok(Some(board))
    }

    /// The firmware, and the board that it runs on: Secure Boot needs q35.
    fn firmware(&self, Facts { firmware: folder, boots_by, .. }: Facts<'_>) -> Result<(Firmware, Board)> {
        let board = self.board()?;
        // A disk that boots by UEFI alone shows a black screen with anything else, so nobody needs to ask for it.
        let asked = self.word("hw_firmware_type")?.or((boots_by == Some("uefi")).then_some(Firmware::Uefi));
        let secure: SecureBoot = self.word("os_secure_boot")?.unwrap_or_default();
        let is_there = |firmware| firmware::files(folder, firmware).is_none_or(|files| files.are_there());
        let missing = |name, value, firmware| match is_there(firmware) {
            true => Ok(()),
            false => Err(firmware::missing(name, value, folder)),
        };
        if secure == SecureBoot::Required {
            match (asked, board) {
                (Some(Firmware::Bios), _) => {
                    return Err(refused("hw_firmware_type", "bios", &["uefi (os_secure_boot)"]));
                }
                (_, Some(Board::Pc)) => return Err(refused("hw_machine_type", "pc", &["q35 (os_secure_boot)"])),
                _ => missing("os_secure_boot", "required", Firmware::SecureUefi)?,
            }
            return Ok((Firmware::SecureUefi, Board::Q35));
        }
        if asked == Some(Firmware::SecureUefi) {
            return Err(refused("hw_firmware_type", "secure-uefi", &["bios", "uefi"]));
        }
        let is_uefi = asked == Some(Firmware::Uefi);
        if is_uefi && secure == SecureBoot::Optional && board != Some(Board::Pc) && is_there(Firmware::SecureUefi) {
            return Ok((Firmware::SecureUefi, Board::Q35));
        }
        if is_uefi {
            missing("hw_firmware_type", "uefi", Firmware::Uefi)?;
        }
        Ok((asked.unwrap_or_default(), board.unwrap_or_default()))
    }

    /// The bus of a CD: the one that every installer knows, unless the image asks for another.
    fn cd(&self, board: Board) -> Result<Bus> {
        let usual = if board == Board::Q35 { Bus::Sata } else { Bus::Ide };
        match self.word("hw_cdrom_bus")?.unwrap_or(usual) {
            bus @ (Bus::Sata | Bus::Scsi) => Ok(bus),
            Bus::Ide if board == Board::Pc => Ok(Bus::Ide),
            other => Err(refused("hw_cdrom_bus", other.into_str(), &["ide (pc)", "sata", "scsi"])),
        }
    }

    fn sector_bytes(&self, bus: Bus, found: Option<u32>) -> Result<Option<u32>> {
        let bytes = match self.value(SECTOR_BYTES) {
            None => found,
            Some("512") => None,
            Some("4096") => Some(4096),
            Some(other) => return Err(refused(SECTOR_BYTES, other, &["512", "4096"])),
        };
        match bytes {
            Some(_) if matches!(bus, Bus::Sata | Bus::Ide) => {
                Err(refused("hw_disk_bus", bus.into_str(), &["virtio (sectors of 4096 bytes)", "scsi"]))
            }
            bytes => Ok(bytes),
        }
    }

    fn processor(&self, found: Option<&str>) -> Result<()> {
        let runs = |word: &str| ARCHITECTURES.contains(&&*word.to_ascii_lowercase());
        for name in ["architecture", "hw_architecture"] {
            if let Some(value) = self.value(name).filter(|value| !runs(value)) {
                return Err(refused(name, value, &ARCHITECTURES[..3]));
            }
        }
        match found.filter(|found| !runs(found)) {
            None => Ok(()),
            Some(found) => Err(Error::Invalid(format!(
                "The system on the image's disk is for processors of {found}, and this host has x86_64: launch from an \
                 image for x86_64."
            ))),
        }
    }

    /// The division of the processors that the image asks for: the one with the fewest sockets that all its numbers allow.
    fn topology(&self, vcpus: u32) -> Result<Option<Topology>> {
        const WANTED: [&str; 3] = ["hw_cpu_sockets", "hw_cpu_cores", "hw_cpu_threads"];
        const MOST: [&str; 3] = ["hw_cpu_max_sockets", "hw_cpu_max_cores", "hw_cpu_max_threads"];
        let number = |name: &str| {
            let read = |value: &str| value.parse::<u32>().map_err(|_| refused(name, value, &["1, 2, 3, …"]));
            self.value(name).map(read).transpose()
        };
        let numbers = |names: [&str; 3]| Ok::<_, Error>([number(names[0])?, number(names[1])?, number(names[2])?]);
        let (wanted, most) = (numbers(WANTED)?, numbers(MOST)?);
        if wanted.iter().chain(&most).all(Option::is_none) {
            return Ok(None);
        }
        let fits = |at: usize, count| {
            wanted[at].is_none_or(|wanted| wanted == count) && most[at].is_none_or(|most| count <= most)
        };
        for sockets in (1..=vcpus).filter(|count| vcpus.is_multiple_of(*count) && fits(0, *count)) {
            let each = vcpus / sockets;
            let threads =
                (1..=each).find(|count| each.is_multiple_of(*count) && fits(2, *count) && fits(1, each / count));
            if let Some(threads) = threads {
                return Ok(Some(Topology { sockets, cores: each / threads, threads }));
            }
        }
        Err(Error::Invalid(format!(
            "The image's hw_cpu_sockets, hw_cpu_cores and hw_cpu_threads do not come to the flavor's {vcpus} processors: \
             choose another flavor, or change them."
        )))
    }
}

fn refused(name: &str, value: &str, choices: &[&str]) -> Error {
    let shown: String = value.chars().take(64).collect();
    Error::Invalid(match choices {
        [] => format!("The image's property {name} is {shown}, which no instance has here: remove it."),
        _ => format!("The image's property {name} is {shown}, and works here only as {}.", choices.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hardware::{Scsi, Tablet, Video, Watchdog};

    fn facts() -> Facts<'static> {
        Facts { architecture: None, boots_by: None, is_cd: false, sector_bytes: None, firmware: Path::new("/nowhere") }
    }

    fn of(properties: &[(&str, &str)]) -> Result<Hardware> {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        settle(&properties, 4, facts())
    }

    #[test]
    fn each_property_becomes_what_it_says() {
        let asked = [
            ("hw_machine_type", "pc-q35-7.2"),
            ("hw_disk_bus", "scsi"),
            ("hw_scsi_model", "vmpvscsi"),
            ("hw_vif_model", "vmxnet3"),
            ("hw_video_model", "cirrus"),
            ("hw_input_bus", "virtio"),
            ("hw_watchdog_action", "reset"),
            ("hw_qemu_guest_agent", "yes"),
            ("hw_boot_menu", "True"),
            ("hw_cpu_max_sockets", "2"),
            ("hw_cpu_threads", "2"),
            ("os_type", "Windows"),
            ("hw_never_heard_of", "this"),
        ];
        let expected = Hardware {
            board: Board::Q35,
            firmware: Firmware::Bios,
            cd: None,
            sector_bytes: None,
            topology: Some(Topology { sockets: 1, cores: 2, threads: 2 }),
            disk_bus: Bus::Scsi,
            scsi: Scsi::Paravirtual,
            card: Card::Vmxnet3,
            video: Video::Cirrus,
            tablet: Some(Tablet::Virtio),
            watchdog: Watchdog::Reset,
            has_agent: true,
            has_boot_menu: true,
            hpet: None,
            is_windows: true,
        };
        assert_eq!(of(&asked).unwrap(), expected);
        assert_eq!(of(&[("hw_disk_bus", "")]).unwrap(), Hardware::default());
    }

    #[test]
    fn value_that_cannot_be_honoured_is_refused_by_name() {
        let impossible = [
            ("architecture", "aarch64"),
            ("architecture", "nonsense"),
            ("hw_architecture", "aarch64"),
            ("hw_disk_bus", "banana"),
            ("hw_machine_type", "virt"),
            ("hypervisor_type", "xen"),
            ("img_hv_type", "vmware"),
            ("kernel_id", "9a7e9c5e-6f4b-4f8c-8d47-0f5b4f4c1d2e"),
            ("hw_vif_multiqueue_enabled", "true"),
            ("hw_numa_nodes", "2"),
            ("hw_numa_cpus.0", "0-1"),
            ("hw_mem_page_size", "1GB"),
            ("hw_qemu_guest_agent", "perhaps"),
            ("hw_cpu_cores", "many"),
            ("hw_firmware_type", "uefi"),
            ("hw_firmware_type", "secure-uefi"),
            ("os_secure_boot", "required"),
            ("hw_disk_sector_bytes", "520"),
        ];
        for (name, value) in impossible {
            let Err(Error::Invalid(why)) = of(&[(name, value)]) else { panic!("{name}={value} is taken") };
            assert!(why.contains(name) && why.contains(value), "{why}");
        }
        assert!(of(&[("hw_machine_type", "q35"), ("hw_disk_bus", "ide")]).is_err());
        assert!(of(&[("hw_cpu_cores", "3")]).is_err());
        let arm = Facts { architecture: Some("aarch64"), ..facts() };
        assert!(settle(&BTreeMap::new(), 1, arm).unwrap_err().to_string().contains("aarch64"));
    }

    #[test]
    fn machine_of_a_cd_or_of_large_sectors_has_a_bus_for_it() {
        let none = BTreeMap::new();
        assert_eq!(settle(&none, 1, Facts { is_cd: true, ..facts() }).unwrap().cd, Some(Bus::Ide));
        assert_eq!(settle(&none, 1, Facts { sector_bytes: Some(4096), ..facts() }).unwrap().sector_bytes, Some(4096));
        let with = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert!(settle(&with("hw_cdrom_bus", "virtio"), 1, Facts { is_cd: true, ..facts() }).is_err());
        assert!(settle(&with("hw_disk_bus", "sata"), 1, Facts { sector_bytes: Some(4096), ..facts() }).is_err());
        let owners = Facts { sector_bytes: Some(4096), ..facts() };
        assert_eq!(settle(&with("hw_disk_sector_bytes", "512"), 1, owners).unwrap().sector_bytes, None);
    }

    #[test]
    fn machine_of_an_older_version_is_as_that_version_made_it() {
        let before = |properties: &[(&str, &str)]| {
            as_before(&properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let odd = [("hw_disk_bus", "banana"), ("hw_vif_model", "vmxnet3"), ("hw_video_model", "cirrus")];
        assert_eq!(before(&odd), Hardware::default());
        let q35 = before(&[("hw_machine_type", "my-Q35"), ("hw_disk_bus", "ide")]);
        assert_eq!((q35.board, q35.disk_bus), (Board::Q35, Bus::Sata));
    }
}
