//! OpenStack Network v2.0, to look at: the one network instances have.
//!
//! Packer wants a network endpoint in the catalog, Terraform's `network {}` and `--network` look a network up by
//! name; all of them are served by telling the truth about QEMU's user-mode network. Nothing can be changed.

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    routing::{MethodRouter, get},
};
use serde_json::{Map, Value, json};

use super::{
    Api, Rooms,
    caller::Asked,
    error::{Answer, ApiError},
    links::PublicUrl,
    paging::{Page, Query, no_such_marker},
};
use crate::{
    error::{Error, Result},
    identity::{Caller, policy},
    instances::{Forward, Instance, ListInstances, Obstacle, network as one},
};

/// Words of a query that are not filters.
const NO_FILTERS: [&str; 6] = ["fields", "limit", "marker", "sort_key", "sort_dir", "page_reverse"];

/// The fields of a port: there may be no port to read them from.
const PORT_FIELDS: [&str; 18] = [
    "id",
    "name",
    "description",
    "effigy:forwards",
    "network_id",
    "device_id",
    "device_owner",
    "mac_address",
    "fixed_ips",
    "status",
    "admin_state_up",
    "security_groups",
    "port_security_enabled",
    "allowed_address_pairs",
    "binding:vnic_type",
    "tags",
    "tenant_id",
    "project_id",
];

/// The fields of a floating address, for the same reason.
const FLOATING_IP_FIELDS: [&str; 12] = [
    "id",
    "description",
    "floating_ip_address",
    "floating_network_id",
    "fixed_ip_address",
    "port_id",
    "port_details",
    "router_id",
    "status",
    "tags",
    "tenant_id",
    "project_id",
];

/// Every URL below `/network`.
pub fn routes() -> Router<Api> {
    let empty = ["routers", "agents", "availability_zones", "subnetpools", "address-scopes", "trunks"];
    let mut v2 = Router::new()
        .route("/", get(resources))
        .route("/networks", look(get(networks)))
        .route("/networks/{id}", look(get(network)))
        .route("/subnets", look(get(subnets)))
        .route("/subnets/{id}", look(get(subnet)))
        .route("/ports", look(get(ports)))
        .route("/ports/{id}", look(get(port)))
        .route("/floatingips", look(get(floating_ips)))
        .route("/floatingips/{id}", look(get(floating_ip)))
        .route("/security-groups", look(get(security_groups)))
        .route("/security-groups/{id}", look(get(security_group)))
        .route("/security-group-rules", look(get(rules)))
        .route("/security-group-rules/{id}", look(get(rule)))
        .route("/extensions", get(extensions))
        .route("/extensions/{alias}", get(extension))
        .route("/quotas/{project}", look(get(quota)))
        .route("/quotas/{project}/default", get(quota))
        .route("/quotas/{project}/details", get(quota_details));
    for collection in empty {
        let list = move |_: Asked| async move { Json(json!({collection.replace('-', "_"): []})) };
        let none = move |_: Asked, Path(id): Path<String>| async move { missing(collection, &id) };
        v2 = v2.route(&format!("/{collection}"), look(get(list)));
        v2 = v2.route(&format!("/{collection}/{{id}}"), look(get(none)));
    }
    Router::new().route("/", get(versions)).route("/v2.0/", get(resources)).nest("/v2.0", v2).fallback(nothing_here)
}

async fn nothing_here() -> ApiError {
    Error::NotFound("There is nothing at this URL.".into()).into()
}

/// `/network/`, which nesting leaves out.
pub fn root() -> Router<Api> {
    Router::new().route("/network/", get(versions))
}

/// A URL that can only be read; a change is refused with the reason.
fn look(read: MethodRouter<Api>) -> MethodRouter<Api> {
    read.post(refuse).put(refuse).delete(refuse)
}

async fn refuse(_: Asked) -> ApiError {
    let message = format!(
        "The network cannot be changed: instances share the one network '{}', made by QEMU on their host, and each \
         has the address of the host that leads to it for as long as it is there.",
        one::NAME
    );
    ApiError::new(StatusCode::FORBIDDEN, message)
}

async fn versions(PublicUrl(url): PublicUrl) -> Json<Value> {
    let links = json!([{"rel": "self", "href": format!("{url}/network/v2.0/")}]);
    Json(json!({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]}))
}

async fn resources(PublicUrl(url): PublicUrl) -> Json<Value> {
    let resource = |(name, collection): (&str, &str)| {
        let links = json!([{"rel": "self", "href": format!("{url}/network/v2.0/{collection}")}]);
        json!({"name": name, "collection": collection, "links": links})
    };
    let all =
        [("network", "networks"), ("subnet", "subnets"), ("port", "ports"), ("security_group", "security-groups")];
    Json(json!({"resources": all.map(resource)}))
}

async fn networks(Asked { rooms, .. }: Asked, query: Query) -> Answer {
    Ok(Json(json!({"networks": filtered(vec![network_view(&rooms)], &query)?})))
}

async fn network(Asked { rooms, .. }: Asked, Path(id): Path<String>) -> Answer {
    one_of("network", vec![network_view(&rooms)], &id)
}

async fn subnets(Asked { rooms, .. }: Asked, query: Query) -> Answer {
    let subnet = rooms.instances.subnet().as_ref().map(subnet_view);
    Ok(Json(json!({"subnets": filtered(subnet.into_iter().collect(), &query)?})))
}

async fn subnet(Asked { rooms, .. }: Asked, Path(id): Path<String>) -> Answer {
    one_of("subnet", rooms.instances.subnet().as_ref().map(subnet_view).into_iter().collect(), &id)
}

async fn ports(asked: Asked, query: Query) -> Answer {
    listed(asked, query, "ports", &PORT_FIELDS, one::Part::Port, port_view).await
}

async fn port(asked: Asked, Path(id): Path<String>) -> Answer {
    part_of(asked, "port", id, one::Part::Port, port_view).await
}

async fn floating_ips(asked: Asked, query: Query) -> Answer {
    listed(asked, query, "floatingips", &FLOATING_IP_FIELDS, one::Part::FloatingIp, floating_ip_view).await
}

async fn floating_ip(asked: Asked, Path(id): Path<String>) -> Answer {
    part_of(asked, "floatingip", id, one::Part::FloatingIp, floating_ip_view).await
}

/// A page of what each instance has one of.
async fn listed(
    Asked { rooms, caller, url }: Asked,
    query: Query,
    name: &str,
    fields: &[&str],
    part: one::Part,
    view: fn(&Instance) -> Option<Value>,
) -> Answer {
    query.only(&[fields, &NO_FILTERS].concat())?;
    let limit = query.limit_of_nova()?;
    let marker = query.one("marker").map(|id| part.instance(id).ok_or_else(|| no_such_marker(id))).transpose()?;
    let mine = ListInstances {
        all_projects: policy::see_all_ports(&caller),
        marker,
        limit: Some(limit as u32),
        ..ListInstances::default()
    };
    let is_wanted = |instance: &Instance| view(instance).is_some_and(|view| matches(&view, &query));
    let found = rooms.instances.list_those(&caller, &mine, is_wanted).await?;
    let page = Page::full(found, limit, |instance| part.id(instance.id).to_string());
    let mut answer = json!({name: filtered(page.items.iter().filter_map(view).collect(), &query)?});
    if let Some(marker) = page.next {
        let next = query.after(&format!("{url}/network/v2.0/{name}"), &marker);
        answer[format!("{name}_links")] = json!([{"rel": "next", "href": next}]);
    }
    Ok(Json(answer))
}

async fn part_of(
    Asked { rooms, caller, .. }: Asked,
    name: &str,
    id: String,
    part: one::Part,
    view: fn(&Instance) -> Option<Value>,
) -> Answer {
    let instance = part.instance(&id).ok_or_else(|| missing(name, &id))?;
    let found = rooms.instances.show(&caller, instance).await.map_err(|error| match error {
        Error::NotFound(_) => missing(name, &id),
        other => other.into(),
    })?;
    one_of(name, view(&found).into_iter().collect(), &id)
}

async fn security_groups(Asked { caller, .. }: Asked, query: Query) -> Answer {
    Ok(Json(json!({"security_groups": filtered(vec![group_view(&caller)?], &query)?})))
}

async fn security_group(Asked { caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    one_of("security_group", vec![group_view(&caller)?], &id)
}

async fn rules(Asked { caller, .. }: Asked, query: Query) -> Answer {
    Ok(Json(json!({"security_group_rules": filtered(rule_views(&caller)?, &query)?})))
}

async fn rule(Asked { caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    one_of("security_group_rule", rule_views(&caller)?, &id)
}

async fn extensions(_: Asked) -> Json<Value> {
    Json(json!({ "extensions": [extension_view()] }))
}

async fn extension(_: Asked, Path(alias): Path<String>) -> Answer {
    if alias == "security-group" {
        Ok(Json(json!({"extension": extension_view()})))
    } else {
        Err(missing("extension", &alias))
    }
}

async fn quota(Asked { rooms, caller, .. }: Asked, Path(project): Path<String>) -> Answer {
    see_quota(&caller, &project)?;
    let quota: Map<_, _> = quotas(&rooms).into_iter().map(|(name, limit)| (name.to_owned(), json!(limit))).collect();
    Ok(Json(json!({ "quota": quota })))
}

async fn quota_details(Asked { rooms, caller, .. }: Asked, Path(project): Path<String>) -> Answer {
    see_quota(&caller, &project)?;
    let detail = |(name, limit): (&str, u64)| (name.to_owned(), json!({"limit": limit, "used": 0, "reserved": 0}));
    let quota: Map<_, _> = quotas(&rooms).into_iter().map(detail).collect();
    Ok(Json(json!({ "quota": quota })))
}

fn see_quota(caller: &Caller, project: &str) -> Result<()> {
    match &caller.project {
        Some(own) if own.id.to_string() == project => Ok(()),
        _ => policy::administer(caller, "see another project's quotas"),
    }
}

/// Clients cannot make any of these objects, so the quota is the number that can exist.
fn quotas(rooms: &Rooms) -> [(&'static str, u64); 10] {
    [
        ("network", 1),
        ("subnet", 1),
        ("port", rooms.quota.instances),
        ("security_group", 1),
        ("security_group_rule", 1),
        ("floatingip", rooms.quota.instances),
        ("router", 0),
        ("subnetpool", 0),
        ("rbac_policy", 0),
        ("trunk", 0),
    ]
}

fn network_view(rooms: &Rooms) -> Value {
    let subnets: Vec<_> = rooms.instances.subnet().map(|_| one::SUBNET_ID).into_iter().collect();
    json!({
        "id": one::ID,
        "name": one::NAME,
        "description": "The network of every instance: outwards by its host, inwards by an address of the host for each",
        "status": "ACTIVE",
        "admin_state_up": true,
        "shared": true,
        "router:external": false,
        "is_default": true,
        "mtu": 1500,
        "port_security_enabled": false,
        "subnets": subnets,
        "availability_zones": [],
        "availability_zone_hints": [],
        "tags": [],
        "tenant_id": "",
        "project_id": "",
    })
}

fn subnet_view(subnet: &one::Subnet) -> Value {
    json!({
        "id": one::SUBNET_ID,
        "name": one::NAME,
        "description": "",
        "network_id": one::ID,
        "ip_version": 4,
        "cidr": subnet.cidr,
        "gateway_ip": subnet.gateway,
        "enable_dhcp": subnet.has_dhcp,
        "dns_nameservers": subnet.name_servers,
        "allocation_pools": [{"start": subnet.pool.0, "end": subnet.pool.1}],
        "host_routes": [],
        "ipv6_address_mode": null,
        "ipv6_ra_mode": null,
        "tags": [],
        "tenant_id": "",
        "project_id": "",
    })
}

fn port_view(instance: &Instance) -> Option<Value> {
    let addresses = instance.addresses.as_ref()?;
    let place = |forward: &Forward| format!("{}:{}", forward.address, forward.host_port);
    // The description is the only field of these APIs that every client shows as text.
    let in_words = |forward: &Forward| {
        let why = forward.obstacle.map(|obstacle| format!(" ({})", why_another(obstacle, forward.guest_port)));
        let of_host = if addresses.floating_ip.is_some() { " on the host" } else { "" };
        format!("port {} is {}{of_host}{}", forward.guest_port, place(forward), why.unwrap_or_default())
    };
    // The same for programs, in a word of our own.
    let for_programs = |forward: &Forward| {
        let obstacle = forward.obstacle.map(|obstacle| obstacle.into_str());
        json!({"guest_port": forward.guest_port, "host": place(forward), "obstacle": obstacle})
    };
    let forwards = &addresses.forwards;
    let view = json!({
        "id": one::Part::Port.id(instance.id),
        "name": "",
        "description": forwards.iter().map(in_words).collect::<Vec<_>>().join(", "),
        "effigy:forwards": forwards.iter().map(for_programs).collect::<Vec<_>>(),
        "network_id": one::ID,
        "device_id": instance.id,
        "device_owner": "compute:nova",
        "mac_address": addresses.mac,
        "fixed_ips": one::fixed_ips(addresses),
        "status": port_status(instance),
        "admin_state_up": true,
        "security_groups": [one::SECURITY_GROUP_ID],
        "port_security_enabled": false,
        "allowed_address_pairs": [],
        "binding:vnic_type": "normal",
        "tags": [],
        "tenant_id": instance.project_id,
        "project_id": instance.project_id,
    });
    debug_assert!(PORT_FIELDS.iter().all(|field| view.get(field).is_some()), "a filter that no port has");
    Some(view)
}

/// Why a port of a guest has another number on the host, and what helps.
fn why_another(obstacle: Obstacle, port: u16) -> String {
    match obstacle {
        Obstacle::Taken => {
            format!("another program of the host has port {port} there; stop it and reboot the instance hard")
        }
        Obstacle::NoRight => {
            format!("port {port} needs root and nftables on the host, or net.ipv4.ip_unprivileged_port_start={port}")
        }
        Obstacle::NoAddress => "instances.network.loopback has too few addresses".to_owned(),
    }
}

fn port_status(instance: &Instance) -> &'static str {
    if instance.runs { "ACTIVE" } else { "DOWN" }
}

/// The address of the host where an instance's ports are open.
fn floating_ip_view(instance: &Instance) -> Option<Value> {
    let addresses = instance.addresses.as_ref()?;
    let port = one::Part::Port.id(instance.id);
    let view = json!({
        "id": one::Part::FloatingIp.id(instance.id),
        "description": "",
        "floating_ip_address": addresses.floating_ip?,
        "floating_network_id": one::ID,
        "fixed_ip_address": addresses.fixed_ip,
        "port_id": port,
        "port_details": {
            "name": "",
            "network_id": one::ID,
            "mac_address": addresses.mac,
            "admin_state_up": true,
            "status": port_status(instance),
            "device_id": instance.id,
            "device_owner": "compute:nova",
        },
        "router_id": null,
        "status": port_status(instance),
        "tags": [],
        "tenant_id": instance.project_id,
        "project_id": instance.project_id,
    });
    debug_assert!(FLOATING_IP_FIELDS.iter().all(|field| view.get(field).is_some()), "a filter that none has");
    Some(view)
}

fn group_view(caller: &Caller) -> Result<Value> {
    let project = policy::in_a_project(caller)?;
    Ok(json!({
        "id": one::SECURITY_GROUP_ID,
        "name": one::SECURITY_GROUP,
        "description": "The ports that are forwarded come in, everything goes out",
        "stateful": true,
        "shared": true,
        "security_group_rules": rule_views(caller)?,
        "tags": [],
        "tenant_id": project,
        "project_id": project,
    }))
}

fn rule_views(caller: &Caller) -> Result<Vec<Value>> {
    let project = policy::in_a_project(caller)?;
    Ok(vec![json!({
        "id": one::SECURITY_GROUP_RULE_ID,
        "security_group_id": one::SECURITY_GROUP_ID,
        "direction": "egress",
        "ethertype": "IPv4",
        "protocol": null,
        "port_range_min": null,
        "port_range_max": null,
        "remote_group_id": null,
        "remote_ip_prefix": null,
        "description": "",
        "tenant_id": project,
        "project_id": project,
    })])
}

fn extension_view() -> Value {
    json!({
        "alias": "security-group",
        "name": "security-group",
        "description": "The one security group, to look at",
        "updated": "2012-10-05T10:00:00-00:00",
        "links": [],
    })
}

/// The objects whose fields have one of the values asked for, cut to the `fields` asked for.
///
/// # Errors
/// `Invalid` for a field that the objects do not have.
fn filtered(all: Vec<Value>, query: &Query) -> Result<Vec<Value>> {
    if let Some(Value::Object(example)) = all.first() {
        let known: Vec<_> = example.keys().map(String::as_str).chain(NO_FILTERS).collect();
        query.only(&known)?;
    }
    let fields: Vec<_> = query.all("fields").collect();
    Ok(all.into_iter().filter(|object| matches(object, query)).map(|object| cut(object, &fields)).collect::<Vec<_>>())
}

fn matches(object: &Value, query: &Query) -> bool {
    let mut words = query.pairs().map(|(name, _)| name).filter(|name| !NO_FILTERS.contains(name));
    words.all(|name| object.get(name).is_none_or(|held| query.all(name).any(|value| is(held, value))))
}

fn is(held: &Value, wanted: &str) -> bool {
    match held {
        Value::String(text) => text == wanted,
        Value::Bool(flag) => flag.to_string() == wanted.to_ascii_lowercase() || wanted == if *flag { "1" } else { "0" },
        Value::Array(list) => list.iter().any(|entry| match (entry, wanted.split_once('=')) {
            // Neutron: `fixed_ips=ip_address=10.0.2.15`.
            (Value::Object(fields), Some((name, value))) => fields.get(name).is_some_and(|held| held == value),
            _ => entry.as_str() == Some(wanted),
        }),
        Value::Number(number) => number.to_string() == wanted,
        Value::Null | Value::Object(_) => false,
    }
}

fn cut(object: Value, fields: &[&str]) -> Value {
    match object {
        Value::Object(mut map) if !fields.is_empty() => {
            let kept: Map<_, _> = fields.iter().filter_map(|field| map.remove_entry(*field)).collect();
            Value::Object(kept)
        }
        whole => whole,
    }
}

fn one_of(noun: &str, all: Vec<Value>, id: &str) -> Answer {
    match all.into_iter().find(|object| object["id"] == id) {
        Some(object) => Ok(Json(json!({noun: object}))),
        None => Err(missing(noun, id)),
    }
}

fn missing(noun: &str, id: &str) -> ApiError {
    Error::NotFound(format!("The {} {id} could not be found.", noun.replace('_', " "))).into()
}
