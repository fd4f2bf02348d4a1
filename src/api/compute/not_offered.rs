//! Nova's resources that there are none of here, and why.

use axum::http::Uri;

use crate::api::{
    caller::Asked,
    error::ApiError,
    not_offered::{self, NotOffered},
};

/// The first word of a path, and why there is none.
pub(in crate::api) const NOT_OFFERED: &NotOffered = &[
    ("os-aggregates", "There is one host, so that there are no aggregates of hosts."),
    ("os-assisted-volume-snapshots", NO_VOLUMES),
    ("os-baremetal-nodes", "There is one host, and it runs virtual machines."),
    ("os-console-auth-tokens", "A console is opened at the address that remote-consoles gives."),
    ("os-fixed-ips", ONE_NETWORK),
    ("os-floating-ip-dns", ONE_NETWORK),
    ("os-floating-ip-pools", ONE_NETWORK),
    ("os-floating-ips", ONE_NETWORK),
    ("os-floating-ips-bulk", ONE_NETWORK),
    ("os-hosts", "There is one host, which is not switched over the API: see os-hypervisors."),
    ("os-instance_usage_audit_log", "Usage is told at os-simple-tenant-usage, and events at /effigy/v1/audit."),
    ("os-migrations", "There is one host, so that nothing migrates."),
    ("os-networks", ONE_NETWORK),
    (
        "os-quota-class-sets",
        "The usual quota is a setting of the service ([quota]); a project's own is at os-quota-sets.",
    ),
    ("os-security-group-default-rules", PORTS),
    ("os-security-group-rules", PORTS),
    ("os-security-groups", PORTS),
    ("os-server-external-events", "No other service has a part of an instance here, so that none has events to tell."),
    ("os-services", "The one host takes launches for as long as this service runs; it is not disabled over the API."),
    ("os-snapshots", NO_VOLUMES),
    ("os-tenant-networks", ONE_NETWORK),
    ("os-volumes", NO_VOLUMES),
];

const NO_VOLUMES: &str = "There are no volumes here: an instance has one disk, made from its image.";
const ONE_NETWORK: &str = "There is one network, which is the same for all: instances have it or none.";
const PORTS: &str = "A guest's ports are forwarded from the host one by one; no rule can open or close others.";

/// A path that there is not.
pub(super) async fn path(asked: Result<Asked, ApiError>, uri: Uri) -> ApiError {
    not_offered::path(NOT_OFFERED, asked, first(&uri))
}

/// A method that a path does not have.
pub(super) async fn method(asked: Result<Asked, ApiError>, uri: Uri) -> ApiError {
    not_offered::method(NOT_OFFERED, asked, first(&uri))
}

/// The first word of the path within `/compute/v2.1`.
fn first(uri: &Uri) -> &str {
    uri.path().trim_start_matches('/').split('/').next().unwrap_or_default()
}
