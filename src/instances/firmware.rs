//! The programs that boot guests by UEFI: those of Debian's package `ovmf`, out of one folder.
//!
//! Their code is read-only and the same for all. The variables that a guest keeps in its firmware are a file in its
//! instance's folder, copied from the template at the first start; the template for Secure Boot has Microsoft's keys.

use std::path::{Path, PathBuf};

use crate::{error::Error, model::hardware::Firmware};

/// The name of the variables in an instance's folder.
pub(super) const VARIABLES: &str = "firmware.vars";

/// The two files of a firmware.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) code: PathBuf,
    /// A guest's variables as they are at first.
    pub(super) template: PathBuf,
}

impl Files {
    pub(super) fn are_there(&self) -> bool {
        self.code.is_file() && self.template.is_file()
    }
}

/// The files of a firmware; `None` where QEMU brings it.
pub(super) fn files(folder: &Path, firmware: Firmware) -> Option<Files> {
    let (code, template) = match firmware {
        Firmware::Bios => return None,
        Firmware::Uefi => ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"),
        Firmware::SecureUefi => ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd"),
    };
    Some(Files { code: folder.join(code), template: folder.join(template) })
}

/// The refusal of a firmware that this host lacks.
pub(super) fn missing(name: &str, value: &str, folder: &Path) -> Error {
    Error::Invalid(format!(
        "The image's property {name} is {value}, and this host has no firmware for it in {}: the operator installs the \
         package ovmf, or sets instances.firmware.",
        folder.display()
    ))
}
