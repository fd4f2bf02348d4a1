//! NBD: disks offered by name.
