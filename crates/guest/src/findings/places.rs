//! Where things are left behind: tables of places, the rule each breaks, and what must hold of the file there.

use super::rules::{self, Rule};

/// The condition that makes a file a finding.
#[derive(Clone, Copy)]
pub(super) enum Test {
    /// It has content.
    HasContent,
    /// It holds a private key.
    PrivateKey,
    /// A line of it that is not a comment contains one of these, in whatever case.
    Says(&'static [&'static str]),
    /// It is a machine-id of its own.
    MachineId,
    /// It is there; the folder it is in is the finding.
    Any,
    /// It is there, whatever it is.
    Exists,
}

pub(super) type Place = (&'static str, Test, &'static Rule);

use Test::{Any, Exists, HasContent, MachineId, PrivateKey, Says};

/// Places in the tree of a system.
pub(super) const SYSTEM: &[Place] = &[
    ("/etc/ssh/ssh_host_*_key", HasContent, &rules::SSH_HOST_KEY),
    ("/etc/dropbear/dropbear_*_host_key", HasContent, &rules::SSH_HOST_KEY),
    ("/ProgramData/ssh/ssh_host_*_key", HasContent, &rules::SSH_HOST_KEY),
    ("/etc/ssh/authorized_keys*", HasContent, &rules::AUTHORIZED_KEY),
    ("/ProgramData/ssh/administrators_authorized_keys", HasContent, &rules::AUTHORIZED_KEY),
    ("/etc/ssl/private/*", PrivateKey, &rules::PRIVATE_KEY),
    ("/etc/pki/tls/private/*", PrivateKey, &rules::PRIVATE_KEY),
    ("/etc/letsencrypt/archive/*/privkey*", PrivateKey, &rules::PRIVATE_KEY),
    ("/etc/openstack/clouds.yaml", Says(CLOUDS), &rules::TOKEN),
    ("/etc/openstack/secure.yaml", Says(CLOUDS), &rules::TOKEN),
    ("/etc/kubernetes/*.conf", Says(KUBE), &rules::TOKEN),
    ("/etc/rancher/k3s/k3s.yaml", Says(KUBE), &rules::TOKEN),
    ("/etc/machine-id", MachineId, &rules::MACHINE_ID),
    ("/var/lib/dbus/machine-id", MachineId, &rules::MACHINE_ID),
    ("/var/lib/cloud/instances/*", Exists, &rules::CLOUD_INIT_STATE),
    ("/var/lib/cloud/data/instance-id", HasContent, &rules::CLOUD_INIT_STATE),
    ("/var/lib/dhcp/*.lease*", HasContent, &rules::DHCP_LEASE),
    ("/var/lib/dhclient/*.lease*", HasContent, &rules::DHCP_LEASE),
    ("/var/lib/dhcpcd/*.lease*", HasContent, &rules::DHCP_LEASE),
    ("/var/lib/NetworkManager/*.lease", HasContent, &rules::DHCP_LEASE),
    ("/etc/NetworkManager/system-connections/*", Says(NETWORK), &rules::NETWORK_SECRET),
    ("/etc/wpa_supplicant/*.conf", Says(&["psk=", "password=", "wep_key"]), &rules::NETWORK_SECRET),
    ("/etc/netplan/*.yaml", Says(&["password:"]), &rules::NETWORK_SECRET),
    ("/etc/wireguard/*.conf", Says(&["privatekey"]), &rules::NETWORK_SECRET),
    ("/var/lib/iwd/*.psk", HasContent, &rules::NETWORK_SECRET),
    ("/ProgramData/Microsoft/Wlansvc/Profiles/Interfaces/*/*.xml", Says(&["<keymaterial>"]), &rules::NETWORK_SECRET),
    ("/var/cache/apt/archives/*.deb", Any, &rules::PACKAGE_CACHE),
    ("/var/cache/dnf/*", Any, &rules::PACKAGE_CACHE),
    ("/var/cache/yum/*", Any, &rules::PACKAGE_CACHE),
    ("/var/cache/pacman/pkg/*", Any, &rules::PACKAGE_CACHE),
    ("/var/cache/apk/*.apk", Any, &rules::PACKAGE_CACHE),
];

const CLOUDS: &[&str] = &["password:", "application_credential_secret:", "token:"];
const KUBE: &[&str] = &["client-key-data:", "token:", "password:"];
const NETWORK: &[&str] = &["psk=", "password=", "wep-key", "private-key"];

/// Places in somebody's home.
pub(super) const HOME: &[Place] = &[
    ("/.ssh/authorized_keys*", HasContent, &rules::AUTHORIZED_KEY),
    ("/.ssh/*", PrivateKey, &rules::PRIVATE_KEY),
    ("/*.pem", PrivateKey, &rules::PRIVATE_KEY),
    ("/*.key", PrivateKey, &rules::PRIVATE_KEY),
    ("/*.ppk", PrivateKey, &rules::PRIVATE_KEY),
    ("/.aws/credentials", Says(&["aws_secret_access_key"]), &rules::TOKEN),
    ("/.config/gcloud/application_default_credentials.json", HasContent, &rules::TOKEN),
    ("/.config/gcloud/credentials.db", HasContent, &rules::TOKEN),
    ("/.azure/msal_token_cache.*", HasContent, &rules::TOKEN),
    ("/.azure/accessTokens.json", Says(&["accesstoken"]), &rules::TOKEN),
    ("/.docker/config.json", Says(&["\"auth\"", "identitytoken"]), &rules::TOKEN),
    ("/.config/containers/auth.json", Says(&["\"auth\""]), &rules::TOKEN),
    ("/.kube/config", Says(KUBE), &rules::TOKEN),
    ("/.config/openstack/*.yaml", Says(CLOUDS), &rules::TOKEN),
    ("/clouds.yaml", Says(CLOUDS), &rules::TOKEN),
    ("/*openrc*", Says(&["os_password=", "os_token=", "secret="]), &rules::TOKEN),
    ("/.netrc", Says(&["password"]), &rules::TOKEN),
    ("/.git-credentials", Says(&["://"]), &rules::TOKEN),
    ("/.config/git/credentials", Says(&["://"]), &rules::TOKEN),
    ("/.config/gh/hosts.yml", Says(&["oauth_token"]), &rules::TOKEN),
    ("/.npmrc", Says(&["_authtoken", "_password"]), &rules::TOKEN),
    ("/.pypirc", Says(&["password"]), &rules::TOKEN),
    ("/.cargo/credentials*", Says(&["token"]), &rules::TOKEN),
    ("/.m2/settings.xml", Says(&["<password>"]), &rules::TOKEN),
    ("/.vault-token", HasContent, &rules::TOKEN),
    ("/.terraform.d/credentials.tfrc.json", Says(&["token"]), &rules::TOKEN),
    ("/.config/rclone/rclone.conf", Says(&["pass", "token", "secret"]), &rules::TOKEN),
    ("/.s3cfg", Says(&["secret_key"]), &rules::TOKEN),
    ("/.boto", Says(&["secret"]), &rules::TOKEN),
    ("/.pgpass", HasContent, &rules::TOKEN),
    ("/.my.cnf", Says(&["password"]), &rules::TOKEN),
    ("/.*_history", HasContent, &rules::SHELL_HISTORY),
    ("/.local/share/fish/fish_history", HasContent, &rules::SHELL_HISTORY),
    (
        "/AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt",
        HasContent,
        &rules::SHELL_HISTORY,
    ),
];
