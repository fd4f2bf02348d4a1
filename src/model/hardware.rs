//! The virtual hardware of an instance, settled at its launch: the words are those of Nova's image properties.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

/// The words of one property. They are the words of the database too.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $word:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr, VariantNames)]
        #[strum(const_into_str)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $text)] #[strum(serialize = $text)] $word),+
        }
    };
}

words! {
    /// The board (`hw_machine_type`).
    Board { #[default] Pc = "pc", Q35 = "q35" }
}
words! {
    /// The way to a disk or a CD (`hw_disk_bus`, `hw_cdrom_bus`).
    Bus { #[default] Virtio = "virtio", Scsi = "scsi", Sata = "sata", Ide = "ide" }
}
words! {
    /// The controller of SCSI disks (`hw_scsi_model`).
    Scsi {
        #[default] Virtio = "virtio-scsi", LsiLogic = "lsilogic", Sas1068 = "lsisas1068", Sas1078 = "lsisas1078",
        Paravirtual = "vmpvscsi",
    }
}
words! {
    /// The network card (`hw_vif_model`).
    Card {
        #[default] Virtio = "virtio", E1000 = "e1000", E1000e = "e1000e", Rtl8139 = "rtl8139", Vmxnet3 = "vmxnet3",
        Pcnet = "pcnet", Ne2k = "ne2k_pci",
    }
}
words! {
    /// The graphics card (`hw_video_model`).
    Video { #[default] Vga = "vga", Virtio = "virtio", Cirrus = "cirrus", Qxl = "qxl", Bochs = "bochs", None = "none" }
}
words! {
    /// The program that boots the guest (`hw_firmware_type`, `os_secure_boot`).
    Firmware {
        #[default] Bios = "bios", Uefi = "uefi",
        /// It starts only what is signed.
        SecureUefi = "secure-uefi",
    }
}
words! {
    /// Whether the firmware starts only what is signed (`os_secure_boot`).
    SecureBoot { #[default] Disabled = "disabled", Optional = "optional", Required = "required" }
}
words! {
    /// The pointer that knows its place on the screen (`hw_input_bus`).
    Tablet { #[default] Usb = "usb", Virtio = "virtio" }
}
words! {
    /// The deed of a watchdog that the guest forgot (`hw_watchdog_action`).
    Watchdog { #[default] Disabled = "disabled", None = "none", Reset = "reset", Poweroff = "poweroff" }
}

/// Sockets, cores of each and threads of each; together they are the processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    pub sockets: u32,
    pub cores: u32,
    pub threads: u32,
}

/// The virtual hardware of an instance. A row says only what differs from a machine that nobody asked anything of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hardware {
    pub board: Board,
    /// `None`: as QEMU divides them.
    pub topology: Option<Topology>,
    pub firmware: Firmware,
    pub disk_bus: Bus,
    /// Where the image is a CD, and the disk is an empty one beside it: the bus of the CD.
    pub cd: Option<Bus>,
    /// Bytes of the disk's sectors; `None`: 512.
    pub sector_bytes: Option<u32>,
    pub scsi: Scsi,
    pub card: Card,
    pub video: Video,
    pub tablet: Option<Tablet>,
    pub watchdog: Watchdog,
    /// Whether the guest has a port for its agent.
    pub has_agent: bool,
    /// Whether the firmware asks what to boot.
    pub has_boot_menu: bool,
    /// `Some(false)`: the board has no high precision timer.
    pub hpet: Option<bool>,
    /// Windows takes the clock of the machine for the local time, all others for UTC.
    pub is_windows: bool,
}
