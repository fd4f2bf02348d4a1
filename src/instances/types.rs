//! The nouns of the room, as its door hands them out.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{
    flavors::Flavor,
    labels::{HostName, Metadata, Tags},
};
use crate::ids::{ImageId, InstanceId, ProjectId, ServerGroupId, UserId};
pub use crate::model::{
    action::{ActionResult, ActionRow},
    instance::{Access, Fault, FirstBoot, Forward, GuestFile, Lock, Obstacle, Status, TaskState, Usage, UsedInstance},
    instance_list::{Direction, SortKey},
};

/// How to reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebootKind {
    /// Ask the guest to shut down, and force it when it does not.
    Soft,
    /// Switch off and on.
    Hard,
}

/// Whether a new instance has a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nic {
    /// The one network there is.
    #[default]
    Auto,
    /// None.
    None,
}

/// A launch that somebody asks for.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The name of the instances; with more than one, `-1`, `-2`, … follow it.
    pub name: String,
    pub image: ImageId,
    pub flavor: String,
    /// How many at least (all or nothing below this).
    pub min_count: u32,
    pub max_count: u32,
    /// The name of the caller's key pair to put into the guests.
    pub key_name: Option<String>,
    /// Its data for their first boot.
    pub first_boot: FirstBoot,
    /// The user's own key-value pairs.
    pub metadata: Metadata,
    /// The user's own labels.
    pub tags: Tags,
    pub description: Option<String>,
    /// The host name the guests are told; `None`: made from the name.
    pub hostname: Option<HostName>,
    pub access: Access,
    pub nic: Nic,
    /// The group that the instances are to be in.
    pub server_group: Option<ServerGroupId>,
}

/// An instance, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Instance {
    pub id: InstanceId,
    pub project_id: ProjectId,
    pub user_id: UserId,
    pub name: String,
    pub description: Option<String>,
    pub status: Status,
    /// Whether its machine runs, or may.
    pub runs: bool,
    pub task: Option<TaskState>,
    pub image: Option<ImageId>,
    pub image_name: String,
    /// Its flavor, as it was at the launch.
    pub flavor: Flavor,
    /// The key pair that was put into it.
    pub key_name: Option<String>,
    /// The user's own key-value pairs.
    pub metadata: BTreeMap<String, String>,
    /// The user's own labels, sorted.
    pub tags: Vec<String>,
    pub access: Access,
    /// Its network; `None` without one.
    pub addresses: Option<Addresses>,
    /// When it was asked for, in milliseconds since 1970, as all times here.
    pub created_ms: i64,
    pub updated_ms: i64,
    pub launched_ms: Option<i64>,
    pub terminated_ms: Option<i64>,
    /// Why its status is `ERROR`.
    pub fault: Option<Fault>,
    pub lock: Option<Lock>,
    /// The host that runs it (for admins).
    pub host: String,
    /// The host name its guest is told.
    pub hostname: String,
    /// The group that it was launched into.
    pub server_group: Option<ServerGroupId>,
    /// Its place among those launched by the same call, from 0.
    pub launch_index: u32,
    /// The same for all that were launched by one call: `r-…`.
    pub reservation_id: String,
    /// How its instructions run, once it has been started: `kvm` or `tcg`.
    pub accel: Option<String>,
    /// How far the launch came, 0 to 100.
    pub progress: u8,
}

/// Where an instance can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The address the guest has on its network; `None`: only that network's DHCP knows it.
    pub fixed_ip: Option<Ipv4Addr>,
    /// The address of this host where its ports are open; `None` where none is.
    pub floating_ip: Option<Ipv4Addr>,
    /// The one of both under which it is reached.
    pub access_ip: Option<Ipv4Addr>,
    /// The address of its network card.
    pub mac: String,
    /// Where ports of the guest are open.
    pub forwards: Vec<Forward>,
}

/// The conditions and the order of a list of instances.
#[derive(Clone, Debug, Default)]
pub struct ListInstances {
    /// Every project's (admin only), instead of the caller's.
    pub all_projects: bool,
    /// With `all_projects`: only this project's.
    pub project: Option<ProjectId>,
    pub user: Option<UserId>,
    /// Only names this matches.
    pub name: Option<regex::Regex>,
    /// Only those in one of these; empty: in any.
    pub status: Vec<Status>,
    pub image: Option<ImageId>,
    /// Only those of the flavor with this id.
    pub flavor: Option<String>,
    pub key_name: Option<String>,
    pub reservation_id: Option<String>,
    /// Only those with all of these tags.
    pub tags: Vec<String>,
    /// Only those with one of these tags, when not empty.
    pub tags_any: Vec<String>,
    /// Only those that lack at least one of these tags, when not empty.
    pub not_tags: Vec<String>,
    /// Only those with none of these tags.
    pub not_tags_any: Vec<String>,
    /// Only those that changed at this time or later; brings deleted ones too.
    pub changes_since_ms: Option<i64>,
    pub changes_before_ms: Option<i64>,
    pub deleted: bool,
    /// The order; empty: the newest first.
    pub sort: Vec<(SortKey, Direction)>,
    pub marker: Option<InstanceId>,
    /// How many at most; `None`: all.
    pub limit: Option<u32>,
}

/// The instances that were there at some time since then.
#[derive(Clone, Copy, Debug)]
pub struct ListUsed {
    /// Only this project's; `None`: every project's.
    pub project: Option<ProjectId>,
    /// The start of the time.
    pub since_ms: i64,
    pub marker: Option<InstanceId>,
    /// How many at most; `None`: all.
    pub limit: Option<u32>,
}

/// Fields of an instance its owner may change; `None` leaves as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub name: Option<String>,
    /// The new description; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// The new host name, told to the guest at its next start.
    pub hostname: Option<HostName>,
    /// `Some(None)` removes it, as in the next.
    pub access_ipv4: Option<Option<Ipv4Addr>>,
    pub access_ipv6: Option<Option<Ipv6Addr>>,
}

/// A rebuild that somebody asks for; `None` leaves as it is.
#[derive(Clone, Debug)]
pub struct Rebuild {
    pub image: ImageId,
    pub changes: Changes,
    pub metadata: Option<Metadata>,
    /// The name of the caller's key pair to put into the guest; `Some(None)`: none.
    pub key_name: Option<Option<String>>,
    /// Its data for its first boot; `Some(None)`: none.
    pub user_data: Option<Option<Vec<u8>>>,
    pub files: Option<Vec<GuestFile>>,
}

/// The kind of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleKind {
    /// The screen, keyboard and mouse, as VNC.
    Vnc,
    /// The first serial port.
    Serial,
}

/// The right to open one console of one instance, for a short while.
#[derive(Clone, Debug)]
pub struct ConsoleToken {
    pub token: String,
    pub kind: ConsoleKind,
    pub instance: InstanceId,
    /// The time until which it can be opened.
    pub expires_ms: i64,
}
