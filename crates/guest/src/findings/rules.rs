//! The findings there are. An id never changes its meaning; a new one raises [`crate::RULES`].

use crate::report::Severity;

/// One kind of finding.
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) severity: Severity,
    pub(crate) why: &'static str,
    pub(crate) remedy: &'static str,
}

macro_rules! rules {
    ($($name:ident = $severity:ident, $id:literal, $why:literal, $remedy:literal;)+) => {
        $(pub(crate) const $name: Rule =
            Rule { id: $id, severity: Severity::$severity, why: $why, remedy: $remedy };)+
        /// All of them.
        #[cfg(test)]
        pub(crate) const ALL: &[&Rule] = &[$(&$name),+];
    };
}

rules! {
    SSH_HOST_KEY = High, "ssh_host_key",
        "every clone has the same SSH host key, and whoever has the image can pass for any of them",
        "remove the key; the SSH server or cloud-init makes a new one at the next boot";
    AUTHORIZED_KEY = High, "authorized_key",
        "whoever has the other half of this key can sign in to every clone",
        "remove the file; the cloud puts the launching user's key there";
    PRIVATE_KEY = High, "private_key",
        "whoever has the image has this private key",
        "remove the key, and replace it wherever it is accepted";
    TOKEN = High, "token",
        "whoever has the image can act with these credentials",
        "remove the file, and revoke the credentials";
    SHELL_HISTORY = Medium, "shell_history",
        "commands that somebody typed are left, often with names and passwords in them",
        "remove the file";
    MACHINE_ID = Medium, "machine_id",
        "clones with the same machine-id get the same address and are counted as one machine",
        "empty /etc/machine-id (truncate -s 0), and let /var/lib/dbus/machine-id be a link to it";
    CLOUD_INIT_STATE = Medium, "cloud_init_state",
        "what cloud-init kept of an earlier instance, its user data among it, is left",
        "run cloud-init clean --logs before the instance is stopped";
    ROOT_PASSWORD = High, "root_password",
        "root has no password or a well-known one: anybody signs in",
        "lock the account (passwd -l root)";
    WEAK_PASSWORD = High, "weak_password",
        "this account has no password or a well-known one: anybody signs in",
        "lock the account (passwd -l NAME), or set a password of its own";
    PASSWORD_HASH = Medium, "password_hash",
        "the same password works in every clone, and whoever has the image can guess at it",
        "lock the account (passwd -l and remove the hash), and let the cloud set passwords";
    DHCP_LEASE = Low, "dhcp_lease",
        "clones ask for the address that an earlier instance had",
        "remove the lease";
    FSTAB_MISSING_DISK = Medium, "fstab_missing_disk",
        "a line of /etc/fstab names a disk that is not in the image: clones wait for it at boot, or stop",
        "remove the line, or add nofail to its options";
    LOW_SPACE = Medium, "low_space",
        "the root file system has less than 100 KiB free: clones cannot write their own settings",
        "make room before the instance is stopped";
    NETWORK_SECRET = High, "network_secret",
        "the key or password of a network is left",
        "remove the connection, and change its secret";
    HIBERNATION = High, "hibernation",
        "the memory of a sleeping system is left: clones would wake as that system, with all its secrets",
        "start it, and shut it down in full";
    PACKAGE_CACHE = Info, "package_cache",
        "downloaded packages take space in every clone",
        "clean the cache (apt-get clean, dnf clean all)";
    WINDOWS_NOT_GENERALIZED = High, "windows_not_generalized",
        "clones of a Windows that is not generalised are the same machine to every network and licence",
        "start the instance and run: sysprep /generalize /oobe /shutdown";
    WINDOWS_UNREADABLE = High, "windows_unreadable",
        "nobody can tell whether this Windows is generalised",
        "start the instance, end BitLocker and fast start-up, and run: sysprep /generalize /oobe /shutdown";
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_unique() {
        let ids: std::collections::BTreeSet<_> = super::ALL.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), super::ALL.len());
    }
}
