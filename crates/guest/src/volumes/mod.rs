//! The parts of a disk: what is in each, and its files where they can be read.

mod ext;
mod fat;
mod nt;

use crate::{
    disk::{Bounded, Window},
    files::{FileReader, Files, Problem, guarded},
    report::{self, TableKind},
    table::{Partition, Table},
};

/// Where a Linux kernel of each page size leaves the sign of a swap area.
const PAGE_ENDS: [u64; 3] = [4096, 16_384, 65_536];

/// A part of the disk.
pub(crate) struct Volume {
    pub(crate) partition: Option<Partition>,
    pub(crate) window: Window,
    start: u64,
    pub(crate) content: Content,
    pub(crate) files: Option<Files>,
    pub(crate) problem: Option<String>,
    /// The values of `LABEL=` and `UUID=` in fstab.
    pub(crate) names: [String; 2],
    /// Why writes of Windows may be missing in it, if so.
    pub(crate) unfinished: Option<String>,
}

/// The content of a part of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Ext(&'static str),
    Fat,
    Ntfs,
    BitLocker,
    /// With the sign of a system that is asleep in it.
    Swap {
        is_hibernated: bool,
    },
    /// Something known that is not read here.
    Other(&'static str),
    Unknown,
}

impl Content {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Content::Ext(word) | Content::Other(word) => word,
            Content::Fat => "fat",
            Content::Ntfs => "ntfs",
            Content::BitLocker => "bitlocker",
            Content::Swap { .. } => "swap",
            Content::Unknown => "unknown",
        }
    }
}

/// Opens every part of a disk.
pub(crate) fn open(disk: &Bounded, table: &Table) -> Vec<Volume> {
    if table.kind == TableKind::None {
        return vec![Volume::open(disk.window(0, disk.size_bytes()), 0, None)];
    }
    let parts = table.partitions.iter();
    parts.map(|part| Volume::open(disk.window(part.start, part.len), part.start, Some(part.clone()))).collect()
}

impl Volume {
    fn open(window: Window, start: u64, partition: Option<Partition>) -> Volume {
        let content = sniff(&window);
        let names = match content {
            Content::Ext(_) => ext::names(&window),
            Content::Fat => fat::names(&window),
            Content::Ntfs => nt::names(&window),
            Content::Swap { .. } => swap_names(&window),
            _ => Default::default(),
        };
        let mut volume =
            Volume { partition, window, start, content, files: None, problem: None, names, unfinished: None };
        let window = &volume.window;
        let opened: Result<Box<dyn FileReader>, Problem> = match content {
            Content::Ext(_) => guarded(|| ext::Ext::open(window)).map(boxed),
            Content::Fat => guarded(|| fat::Fat::open(window)).map(boxed),
            Content::Ntfs => guarded(|| {
                let files = nt::Nt::open(window)?;
                let unfinished = files.unfinished()?.map(str::to_owned);
                Ok((files, unfinished))
            })
            .map(|(files, unfinished)| {
                volume.unfinished = unfinished;
                boxed(files)
            }),
            Content::Other(word) => Err(Problem::Broken(format!("{word} is not read here"))),
            Content::BitLocker => Err(Problem::Broken("it is encrypted with BitLocker".into())),
            Content::Swap { .. } | Content::Unknown => return volume,
        };
        match opened.and_then(|reader| Files::new(reader, window.bounds().clone(), volume.number())) {
            Ok(files) => volume.files = Some(files),
            Err(problem) => volume.problem = Some(problem.to_string()),
        }
        volume
    }

    pub(crate) fn number(&self) -> Option<u32> {
        self.partition.as_ref().map(|partition| partition.number)
    }

    pub(crate) fn report(&self) -> report::Volume {
        report::Volume {
            partition: self.number(),
            offset_bytes: self.start,
            size_bytes: self.window.size_bytes(),
            content: self.content.word().to_owned(),
            free_bytes: self.files.as_ref().and_then(|files| files.free_bytes()),
            problem: self.problem.clone(),
        }
    }
}

fn boxed(reader: impl FileReader + 'static) -> Box<dyn FileReader> {
    Box::new(reader)
}

/// Signs of file systems and of what lies between them and disks: where, what, the word for it.
const SIGNS: [(u64, &[u8], &str); 15] = [
    (0, b"XFSB", "xfs"),
    (0x10040, b"_BHRfS_M", "btrfs"),
    (0x218, b"LVM2 001", "lvm"),
    (0, b"LUKS\xba\xbe", "luks"),
    (0, b"hsqs", "squashfs"),
    (32_769, b"CD001", "iso9660"),
    (1024, b"\x10\x20\xf5\xf2", "f2fs"),
    (1024, b"\xe2\xe1\xf5\xe0", "erofs"),
    (4096, b"\xfc\x4e\x2b\xa9", "mdraid"),
    (0, b"\xfc\x4e\x2b\xa9", "mdraid"),
    (3, b"EXFAT   ", "exfat"),
    (3, b"ReFS\0\0\0\0", "refs"),
    (1024, b"H+", "hfs"),
    (1024, b"HX", "hfs"),
    (32, b"NXSB", "apfs"),
];

fn sniff(window: &Window) -> Content {
    let Some(sector) = window.bytes_at::<512>(0) else { return Content::Unknown };
    match &sector[3..11] {
        b"NTFS    " => return Content::Ntfs,
        b"-FVE-FS-" | b"MSWIN4.1" if &sector[3..11] == b"-FVE-FS-" || is_bitlocker_to_go(&sector) => {
            return Content::BitLocker;
        }
        _ => {}
    }
    if window.has(1080, b"\x53\xef") {
        return Content::Ext(ext::generation(window));
    }
    if let Some((_, _, word)) = SIGNS.iter().find(|(at, sign, _)| window.has(*at, sign)) {
        return Content::Other(word);
    }
    if sector[510..] == [0x55, 0xaa] && (&sector[54..57] == b"FAT" || &sector[82..87] == b"FAT32") {
        return Content::Fat;
    }
    swap(window).unwrap_or(Content::Unknown)
}

/// BitLocker To Go looks like FAT32 and has its own GUID (libbde: `bde_volume_header.h`).
fn is_bitlocker_to_go(sector: &[u8; 512]) -> bool {
    sector[424..440] == *b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01"
}

/// The kernel puts the sign of a hibernated system where the swap area's own was.
fn swap(window: &Window) -> Option<Content> {
    PAGE_ENDS.iter().find_map(|end| {
        let sign = window.bytes_at::<10>(end - 10)?;
        let is_hibernated = [b"S1SUSPEND\0", b"S2SUSPEND\0", b"ULSUSPEND\0", b"LINHIB0001"].contains(&&sign);
        (is_hibernated || &sign == b"SWAPSPACE2").then_some(Content::Swap { is_hibernated })
    })
}

fn swap_names(window: &Window) -> [String; 2] {
    let Some(header) = window.bytes_at::<32>(1036) else { return Default::default() };
    let hex: String = header[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let uuid = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    [String::from_utf8_lossy(&header[16..]).trim_end_matches('\0').to_owned(), uuid]
}
