//! Where instances run: one host in one zone.

use axum::{Json, extract::Path};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{body::flag, microversion::Microversion};
use crate::{
    api::{
        Rooms,
        caller::Asked,
        error::{Answer, ApiError},
        links::PublicUrl,
        paging::Query,
        times,
    },
    db,
    error::{Error, Result},
    identity::{Caller, policy},
    instances::{Instance, ListInstances, Status},
};

/// The one availability zone, called as everyone's first one is.
pub(super) const ZONE: &str = "nova";

/// The most instances that a hypervisor is shown with.
const MAX_SERVERS: usize = 10_000;

/// `GET /os-availability-zone`
pub(super) async fn zones(_: Asked) -> Json<Value> {
    Json(json!({"availabilityZoneInfo": [{"zoneName": ZONE, "zoneState": {"available": true}, "hosts": null}]}))
}

/// `GET /os-availability-zone/detail`
pub(super) async fn zones_with_hosts(Asked { caller, .. }: Asked) -> Answer {
    policy::administer(&caller, "see the hosts of a zone")?;
    let service = json!({"available": true, "active": true, "updated_at": times::micros(db::now_ms())});
    let hosts = json!({host_name(): {"nova-compute": service}});
    Ok(Json(json!({"availabilityZoneInfo": [{"zoneName": ZONE, "zoneState": {"available": true}, "hosts": hosts}]})))
}

/// `GET /os-services`
pub(super) async fn services(Asked { caller, .. }: Asked, version: Microversion, query: Query) -> Answer {
    policy::administer(&caller, "list services")?;
    query.only(&["binary", "host", "limit", "marker"])?;
    let mut service = json!({
        "id": 1,
        "binary": "nova-compute",
        "host": host_name(),
        "zone": ZONE,
        "status": "enabled",
        "state": "up",
        "updated_at": times::micros(db::now_ms()),
        "disabled_reason": null,
    });
    if version.since(11) {
        service["forced_down"] = json!(false);
    }
    if version.since(53) {
        service["id"] = json!(host_id());
    }
    let is_wanted = ["binary", "host"].iter().all(|name| query.all(name).all(|wanted| service[name] == wanted));
    Ok(Json(json!({ "services": Some(service).filter(|_| is_wanted).as_slice() })))
}

/// `GET /os-hosts`, up to 2.42
pub(super) async fn hosts(Asked { caller, .. }: Asked, version: Microversion, query: Query) -> Answer {
    version.ends(42)?;
    policy::administer(&caller, "list hosts")?;
    query.only(&["zone"])?;
    let is_wanted = query.all("zone").all(|zone| zone == ZONE);
    let host = json!({"host_name": host_name(), "service": "compute", "zone": ZONE});
    Ok(Json(json!({ "hosts": Some(host).filter(|_| is_wanted).as_slice() })))
}

/// `GET /os-hypervisors`
pub(super) async fn hypervisors(Asked { rooms, caller, .. }: Asked, version: Microversion, query: Query) -> Answer {
    policy::administer(&caller, "list hypervisors")?;
    check_pattern(&query)?;
    let mut shown = brief(version);
    add_servers(&mut shown, &rooms, &caller, version, &query).await?;
    Ok(Json(json!({ "hypervisors": [shown] })))
}

/// `GET /os-hypervisors/detail`
pub(super) async fn hypervisors_detail(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    query: Query,
) -> Answer {
    check_pattern(&query)?;
    let mut shown = full(&rooms, &load(&rooms, &caller).await?, version);
    add_servers(&mut shown, &rooms, &caller, version, &query).await?;
    Ok(Json(json!({ "hypervisors": [shown] })))
}

/// Refuses what the one hypervisor is not called; Nova answers so too.
fn check_pattern(query: &Query) -> Result<()> {
    query.only(&["hypervisor_hostname_pattern", "with_servers", "limit", "marker"])?;
    query.all("hypervisor_hostname_pattern").try_for_each(check_part)
}

fn check_part(part: &str) -> Result<()> {
    let part: String = part.chars().take(255).collect();
    let is_it = host_name().contains(&part);
    is_it.then_some(()).ok_or_else(|| Error::NotFound(format!("No hypervisor matching '{part}' could be found.")))
}

/// `GET /os-hypervisors/{id}`
pub(super) async fn hypervisor(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    let load = load(&rooms, &caller).await?;
    let mut shown = full(&rooms, &load, version);
    check_id(&shown, &id)?;
    add_servers(&mut shown, &rooms, &caller, version, &query).await?;
    Ok(Json(json!({ "hypervisor": shown })))
}

fn check_id(hypervisor: &Value, id: &str) -> Result<()> {
    let is_it = hypervisor["id"].as_str().map_or_else(|| hypervisor["id"].to_string(), str::to_owned) == id;
    let id: String = id.chars().take(80).collect();
    is_it.then_some(()).ok_or_else(|| Error::NotFound(format!("Hypervisor with ID '{id}' could not be found.")))
}

/// `GET /os-hypervisors/{id}/uptime`, up to 2.87
pub(super) async fn uptime(Asked { caller, .. }: Asked, version: Microversion, Path(id): Path<String>) -> Answer {
    version.ends(87)?;
    policy::administer(&caller, "see a hypervisor")?;
    let mut shown = brief(version);
    check_id(&shown, &id)?;
    shown["uptime"] = json!(host_uptime());
    Ok(Json(json!({ "hypervisor": shown })))
}

/// `GET /os-hypervisors/{part}/search`, up to 2.52
pub(super) async fn search(Asked { caller, .. }: Asked, version: Microversion, Path(part): Path<String>) -> Answer {
    version.ends(52)?;
    policy::administer(&caller, "list hypervisors")?;
    check_part(&part)?;
    Ok(Json(json!({ "hypervisors": [brief(version)] })))
}

/// `GET /os-hypervisors/{part}/servers`, up to 2.52
pub(super) async fn servers_of(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(part): Path<String>,
) -> Answer {
    version.ends(52)?;
    policy::administer(&caller, "list hypervisors")?;
    check_part(&part)?;
    let mut shown = brief(version);
    shown["servers"] = json!(servers(&rooms, &caller).await?);
    Ok(Json(json!({ "hypervisors": [shown] })))
}

/// From 2.53 on `with_servers` adds the instances.
async fn add_servers(
    shown: &mut Value,
    rooms: &Rooms,
    caller: &Caller,
    version: Microversion,
    query: &Query,
) -> Result<()> {
    if version.since(53) && query.one("with_servers").and_then(flag) == Some(true) {
        shown["servers"] = json!(servers(rooms, caller).await?);
    }
    Ok(())
}

/// The names of the instances of all projects, [`MAX_SERVERS`] at most.
async fn servers(rooms: &Rooms, caller: &Caller) -> Result<Vec<Value>> {
    let all = ListInstances { all_projects: true, ..ListInstances::default() };
    let mut servers = Vec::new();
    let name = |instance: &Instance| {
        if servers.len() < MAX_SERVERS {
            servers.push(json!({"uuid": instance.id, "name": instance.name}));
        }
        false
    };
    rooms.instances.list_those(caller, &all, name).await?;
    Ok(servers)
}

/// `GET /os-hypervisors/statistics`, up to 2.87
pub(super) async fn statistics(Asked { rooms, caller, .. }: Asked, version: Microversion) -> Answer {
    version.ends(87)?;
    let mut sums = figures(&load(&rooms, &caller).await?);
    sums["count"] = json!(1);
    Ok(Json(json!({ "hypervisor_statistics": sums })))
}

/// `GET /os-aggregates`
pub(super) async fn aggregates(Asked { caller, .. }: Asked) -> Answer {
    policy::administer(&caller, "list aggregates")?;
    Ok(Json(json!({"aggregates": []})))
}

/// `GET /os-migrations`
pub(super) async fn migrations(Asked { caller, .. }: Asked) -> Answer {
    policy::administer(&caller, "list migrations")?;
    Ok(Json(json!({"migrations": []})))
}

/// `GET /images/{id}` and other proxies that Nova has ended and Effigy never had.
pub(super) async fn images(PublicUrl(url): PublicUrl) -> ApiError {
    Error::NotFound(format!("Images are at {url}/image/v2/images.")).into()
}

/// The part of the host that running instances take.
#[derive(Default)]
struct Load {
    instances: u64,
    vcpus: u64,
    memory_mib: u64,
    disk_gib: u64,
}

async fn load(rooms: &Rooms, caller: &Caller) -> Result<Load> {
    let all = ListInstances { all_projects: true, ..ListInstances::default() };
    let mut load = Load::default();
    // Each is counted as it passes, and none is kept.
    let count = |instance: &Instance| {
        if instance.runs || matches!(instance.status, Status::Build | Status::Rebuild) {
            load.instances += 1;
            load.vcpus += u64::from(instance.flavor.vcpus);
            load.memory_mib += instance.flavor.memory_mib;
            load.disk_gib += instance.flavor.disk_gib;
        }
        false
    };
    rooms.instances.list_those(caller, &all, count).await?;
    Ok(load)
}

fn brief(version: Microversion) -> Value {
    let id = if version.since(53) { json!(host_id()) } else { json!(1) };
    json!({"id": id, "hypervisor_hostname": host_name(), "state": "up", "status": "enabled"})
}

fn full(rooms: &Rooms, load: &Load, version: Microversion) -> Value {
    let mut shown = brief(version);
    let accel = rooms.instances.accel();
    // Emulation promises no isolation, so the answer says how guests run.
    let cpu_info = json!({"arch": "x86_64", "accel": accel});
    shown["host_ip"] = json!("127.0.0.1");
    shown["hypervisor_type"] = json!(match accel {
        Some(accel) => format!("QEMU/{accel}"),
        None => "QEMU".into(),
    });
    // The version is not asked for; gophercloud reads this field as a number.
    shown["hypervisor_version"] = json!(0);
    shown["service"] = json!({"id": shown["id"], "host": host_name(), "disabled_reason": null});
    if version.since(88) {
        shown["uptime"] = json!(host_uptime());
        return shown;
    }
    // Up to 2.27 Nova gives the object as a text.
    shown["cpu_info"] = if version.since(28) { cpu_info } else { json!(cpu_info.to_string()) };
    if let (Some(shown), Value::Object(figures)) = (shown.as_object_mut(), figures(load)) {
        shown.extend(figures);
    }
    shown
}

fn figures(load: &Load) -> Value {
    let vcpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let memory_mib = host_memory_mib();
    json!({
        "vcpus": vcpus,
        "vcpus_used": load.vcpus,
        "memory_mb": memory_mib,
        "memory_mb_used": load.memory_mib,
        "free_ram_mb": memory_mib.saturating_sub(load.memory_mib),
        "running_vms": load.instances,
        "current_workload": 0,
        // Disks are laid lazily over their images, so no part of the host's disk is set aside for them.
        "local_gb": 0,
        "local_gb_used": load.disk_gib,
        "free_disk_gb": 0,
        "disk_available_least": null,
    })
}

/// The name of the host, as the kernel has it.
pub(in crate::api) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".into() } else { name.into() }
}

/// How long the host runs and how busy it is, as `uptime` says it; `None` where the kernel does not tell.
fn host_uptime() -> Option<String> {
    let up = std::fs::read_to_string("/proc/uptime").ok()?;
    let minutes = up.split_whitespace().next()?.parse::<f64>().ok()? as u64 / 60;
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(", ");
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    Some(format!("up {days} days, {hours:2}:{minutes:02}, load average: {load}"))
}

/// A UUID that is the same whenever the host has the same name.
fn host_id() -> Uuid {
    let digest = blake3::hash(host_name().as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

fn host_memory_mib() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib =
        info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.unwrap_or(0_u64) / 1024
}
