//! The filters, the order and the page of a list of servers.
//!
//! The room filters by what it keeps; the few words it does not know are judged here, one instance at a time, before
//! the page is full. A word that Nova has and no instance can match matches none. An unknown word is refused, and so is
//! the admin's word from somebody else: Nova ignores both, and lists everything.

use regex::{Regex, RegexBuilder};

use super::{body::flag, hosts, microversion::Microversion, server_view};
use crate::{
    api::{
        paging::{Query, no_such_marker, unknown_filter},
        times,
    },
    error::{Error, Result},
    ids::ProjectId,
    instances::{Direction, Instance, ListInstances, SortKey, Status},
};

/// The largest compiled filter: a regular expression must not take memory at its sender's will. Of several of one name
/// the last one counts, as for Nova, and only that one is compiled.
const REGEX_BYTES: usize = 1 << 18;

/// The query of a list, read.
pub(super) struct Wanted {
    /// The filters that the room applies.
    pub list: ListInstances,
    pub limit: usize,
    /// The filters that are applied here.
    rest: Vec<Rest>,
    /// Whether a filter names a value that no instance has: then the list is empty.
    pub is_empty: bool,
}

/// The filters that are regular expressions.
const PATTERNS: [&str; 4] = ["name", "ip", "access_ip_v4", "access_ip_v6"];

/// The words of a query.
const KNOWN: [&str; 39] = [
    "name",
    "ip",
    "ip6",
    "access_ip_v4",
    "access_ip_v6",
    "status",
    "image",
    "flavor",
    "key_name",
    "reservation_id",
    "all_tenants",
    "project_id",
    "tenant_id",
    "user_id",
    "deleted",
    "soft_deleted",
    "changes-since",
    "changes-before",
    "tags",
    "tags-any",
    "not-tags",
    "not-tags-any",
    "host",
    "hypervisor_hostname",
    "node",
    "uuid",
    "vm_state",
    "task_state",
    "power_state",
    "hostname",
    "description",
    "launch_index",
    "availability_zone",
    "locked",
    "config_drive",
    "limit",
    "marker",
    "sort_key",
    "sort_dir",
];

/// Keys that Nova took once, orders nothing by, and refuses from 2.75 on; `locked` is one of them up to 2.72.
const ONCE_SORT_KEYS: [&str; 22] = [
    "architecture",
    "cell_name",
    "cleaned",
    "default_ephemeral_device",
    "default_swap_device",
    "deleted",
    "deleted_at",
    "disable_terminate",
    "ephemeral_gb",
    "ephemeral_key_uuid",
    "id",
    "key_data",
    "launched_on",
    "locked",
    "memory_mb",
    "os_type",
    "reservation_id",
    "root_gb",
    "shutdown_terminate",
    "user_data",
    "vcpus",
    "vm_mode",
];

enum Rest {
    Project(ProjectId),
    Ip(Regex),
    AccessIpv4(Regex),
    AccessIpv6(Regex),
    Host(String),
    Uuid(String),
    VmState(String),
    TaskState(String),
    PowerState(String),
    Hostname(String),
    Description(String),
    LaunchIndex(String),
    Zone(String),
    Locked(bool),
}

impl Wanted {
    /// Reads the query.
    ///
    /// # Errors
    /// `Invalid` for a value that its word cannot take.
    pub(super) fn read(query: &Query, version: Microversion, is_admin: bool) -> Result<Wanted> {
        let limit = match query.one("limit") {
            // Nova's list of servers takes it at its word, unlike its other lists.
            Some("0") => 0,
            _ => query.limit_of_nova()?,
        };
        let mut wanted = Wanted { list: ListInstances::default(), limit, rest: Vec::new(), is_empty: false };
        let mut directions = query.all("sort_dir");
        for name in PATTERNS {
            if let Some(value) = query.all(name).next_back() {
                wanted.matches(name, value)?;
            }
        }
        for (name, value) in query.pairs() {
            match name {
                "sort_key" => wanted.sort(value, directions.next(), version)?,
                "status" => wanted.status(value),
                "sort_dir" | "limit" => {}
                _ if PATTERNS.contains(&name) => {}
                _ => wanted.filter(name, value, is_admin)?,
            }
        }
        wanted.list.limit = Some(limit as u32);
        Ok(wanted)
    }

    fn matches(&mut self, name: &str, value: &str) -> Result<()> {
        let pattern = pattern(name, value)?;
        match name {
            "name" => self.list.name = Some(pattern),
            "ip" => self.rest.push(Rest::Ip(pattern)),
            "access_ip_v4" => self.rest.push(Rest::AccessIpv4(pattern)),
            _ => self.rest.push(Rest::AccessIpv6(pattern)),
        }
        Ok(())
    }

    fn filter(&mut self, name: &str, value: &str, is_admin: bool) -> Result<()> {
        let list = &mut self.list;
        match name {
            "image" => match value.rsplit('/').next().unwrap_or_default().parse() {
                Ok(id) => list.image = Some(id),
                Err(_) => self.is_empty = true,
            },
            "flavor" => list.flavor = value.rsplit('/').next().map(str::to_owned),
            "key_name" => list.key_name = Some(value.into()),
            "reservation_id" => list.reservation_id = Some(value.into()),
            "marker" => list.marker = Some(value.parse().map_err(|_| no_such_marker(value))?),
            // An empty value means yes: `?all_tenants`.
            "all_tenants" => list.all_projects = value.is_empty() || strict_flag("all_tenants", value)?,
            "project_id" | "tenant_id" => match value.parse() {
                Ok(id) if is_admin => list.project = Some(id),
                // Others list their own project, whichever they name.
                Ok(id) => self.rest.push(Rest::Project(id)),
                Err(_) => self.is_empty = true,
            },
            "user_id" => match value.parse() {
                Ok(id) => list.user = Some(id),
                Err(_) => self.is_empty = true,
            },
            "deleted" => list.deleted = strict_flag("deleted", value)?,
            "changes-since" => list.changes_since_ms = Some(times::parse("changes-since", value)?),
            "changes-before" => list.changes_before_ms = Some(times::parse("changes-before", value)?),
            "tags" => list.tags = words(value),
            "tags-any" => list.tags_any = words(value),
            "not-tags" => list.not_tags = words(value),
            "not-tags-any" => list.not_tags_any = words(value),
            _ => return self.judge_here(name, value, is_admin),
        }
        Ok(())
    }

    fn judge_here(&mut self, name: &str, value: &str, is_admin: bool) -> Result<()> {
        let text = value.to_owned();
        self.rest.push(match name {
            "host" | "hypervisor_hostname" | "node" if is_admin => Rest::Host(text),
            "host" | "hypervisor_hostname" | "node" => {
                return Err(Error::Forbidden(format!("Only the admin filters servers by {name}.")));
            }
            "uuid" => Rest::Uuid(text),
            "vm_state" => Rest::VmState(text),
            "task_state" => Rest::TaskState(text),
            "power_state" => Rest::PowerState(text),
            "hostname" => Rest::Hostname(text),
            "description" => Rest::Description(text),
            "launch_index" => Rest::LaunchIndex(text),
            "availability_zone" => Rest::Zone(text),
            "locked" => Rest::Locked(strict_flag("locked", value)?),
            // Guests have an address of version 4 only; every instance has a config drive; none is soft-deleted.
            "ip6" | "soft_deleted" => {
                self.is_empty |= name == "ip6" || flag(value) == Some(true);
                return Ok(());
            }
            "config_drive" => {
                self.is_empty |= flag(value) == Some(false);
                return Ok(());
            }
            _ => return Err(unknown_filter(name, &KNOWN)),
        });
        Ok(())
    }

    fn sort(&mut self, key: &str, direction: Option<&str>, version: Microversion) -> Result<()> {
        let direction = match direction {
            None | Some("desc") => Direction::Descending,
            Some("asc") => Direction::Ascending,
            Some(other) => {
                return Err(Error::Invalid(format!("Unknown sort direction '{other}': it must be 'asc' or 'desc'.")));
            }
        };
        let key = match key {
            "created_at" => SortKey::Created,
            "updated_at" => SortKey::Updated,
            "launched_at" => SortKey::Launched,
            "display_name" | "hostname" => SortKey::Name,
            "vm_state" | "power_state" | "task_state" => SortKey::Status,
            "uuid" => SortKey::Id,
            "access_ip_v4" => SortKey::AccessIpv4,
            "access_ip_v6" => SortKey::AccessIpv6,
            // Nova sorts by these too; here they are the same for all, or unknown, so they order nothing.
            "auto_disk_config"
            | "availability_zone"
            | "config_drive"
            | "display_description"
            | "host"
            | "image_ref"
            | "instance_type_id"
            | "kernel_id"
            | "key_name"
            | "launch_index"
            | "locked_by"
            | "node"
            | "progress"
            | "project_id"
            | "ramdisk_id"
            | "root_device_name"
            | "terminated_at"
            | "user_id" => return Ok(()),
            "locked" if version.since(73) => return Ok(()),
            once if !version.since(75) && ONCE_SORT_KEYS.contains(&once) => return Ok(()),
            other => {
                return Err(Error::Invalid(format!("Invalid input for query parameters sort_key. Value: {other}.")));
            }
        };
        // A key that came before orders nothing more.
        if !self.list.sort.iter().any(|(earlier, _)| *earlier == key) {
            self.list.sort.push((key, direction));
        }
        Ok(())
    }

    /// Several statuses are alternatives; one that there is not leaves none.
    fn status(&mut self, value: &str) {
        let upper = value.to_ascii_uppercase();
        match upper.parse::<Status>() {
            Ok(status) => self.list.status.push(status),
            Err(_) if upper == "HARD_REBOOT" => self.list.status.push(Status::Reboot),
            Err(_) if upper == "REVERT_RESIZE" => self.list.status.push(Status::Resize),
            Err(_) => self.is_empty = self.list.status.is_empty(),
        }
    }

    /// Whether everything that is judged here lets the instance through.
    pub(super) fn admits(&self, instance: &Instance) -> bool {
        self.rest.iter().all(|rest| match rest {
            Rest::Project(project) => instance.project_id == *project,
            Rest::Ip(pattern) => instance.addresses.as_ref().is_some_and(|a| {
                [a.fixed_ip, a.floating_ip].iter().flatten().any(|address| pattern.is_match(&address.to_string()))
            }),
            Rest::AccessIpv4(pattern) => {
                let shown = instance.access.v4.or_else(|| instance.addresses.as_ref()?.access_ip);
                shown.is_some_and(|address| pattern.is_match(&address.to_string()))
            }
            Rest::AccessIpv6(pattern) => instance.access.v6.is_some_and(|a| pattern.is_match(&a.to_string())),
            Rest::Host(host) => instance.host == *host,
            Rest::Uuid(id) => instance.id.to_string() == *id,
            Rest::VmState(state) => server_view::vm_state(instance.status) == state,
            Rest::TaskState(task) => instance.task.is_some_and(|held| held.into_str() == task),
            Rest::PowerState(state) => server_view::power_state(instance).to_string() == *state,
            Rest::Hostname(name) => instance.hostname == *name,
            Rest::Description(text) => instance.description.as_ref() == Some(text),
            Rest::LaunchIndex(index) => instance.launch_index.to_string() == *index,
            Rest::Zone(zone) => zone == hosts::ZONE,
            Rest::Locked(locked) => instance.lock.is_some() == *locked,
        })
    }
}

fn words(value: &str) -> Vec<String> {
    value.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn strict_flag(name: &str, value: &str) -> Result<bool> {
    flag(value).ok_or_else(|| {
        Error::Invalid(format!("Invalid input for query parameters {name}. Value: {value}. It must be true or false."))
    })
}

fn pattern(name: &str, value: &str) -> Result<Regex> {
    RegexBuilder::new(value).size_limit(REGEX_BYTES).build().map_err(|_| {
        Error::Invalid(format!(
            "Invalid input for query parameters {name}. Value: {value}. It is not a regular expression that can be used."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::microversion::NEWEST, *};

    fn read(query: &str) -> Result<Wanted> {
        Wanted::read(&Query::read(query)?, NEWEST, false)
    }

    #[test]
    fn unknown_status_alone_leaves_nothing_and_beside_a_known_one_counts_for_nothing() {
        assert!(read("status=MIGRATING").unwrap().is_empty);
        let both = read("status=active&status=MIGRATING").unwrap();
        assert!(!both.is_empty);
        assert_eq!(both.list.status, [Status::Active]);
    }

    #[test]
    fn page_is_cut_by_the_room_whatever_is_left_to_judge() {
        assert_eq!(read("limit=2").unwrap().list.limit, Some(2));
        assert_eq!(read("limit=0").unwrap().limit, 0);
        assert_eq!(read("limit=2&ip=10.").unwrap().list.limit, Some(2));
    }

    #[test]
    fn of_several_patterns_the_last_counts_and_a_key_orders_once() {
        let wanted = read("name=(&name=web&ip=(&ip=10").unwrap();
        assert_eq!((wanted.list.name.unwrap().as_str(), wanted.rest.len()), ("web", 1));
        assert_eq!(read("sort_key=uuid&sort_key=uuid").unwrap().list.sort.len(), 1);
    }

    #[test]
    fn every_word_that_a_refusal_names_is_known_and_no_other_is() {
        for word in KNOWN {
            let read = Wanted::read(&Query::read(&format!("{word}=1")).unwrap(), NEWEST, true);
            let said = read.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!said.contains("no filter"), "{word}: {said}");
        }
        assert!(matches!(read("display_name=x"), Err(Error::Invalid(said)) if said.contains("reservation_id")));
        assert!(matches!(read("host=x"), Err(Error::Forbidden(_))));
    }

    #[test]
    fn bad_values_are_refused() {
        for bad in ["limit=-1", "name=(", "marker=x", "changes-since=x", "sort_key=x"] {
            assert!(matches!(read(bad), Err(Error::Invalid(_))), "{bad:?}");
        }
    }
}
