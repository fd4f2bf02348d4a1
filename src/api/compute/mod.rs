//! OpenStack Compute v2.1, microversions 2.1 to 2.96.
//!
//! Every shape is rendered as its microversion has it ([`server_view`]); what Nova offers and Effigy does not is
//! refused with the reason, and a list of things that Effigy does not have is empty.

use axum::{
    Router,
    middleware::from_fn,
    routing::{get, post},
};

use serde_json::{Value, json};

use super::{Api, error::ApiError, paging::Query};
use crate::{
    error::{Error, Result},
    identity::policy,
    ids::InstanceId,
    instances::network,
};

mod actions;
mod attachments;
mod body;
mod console;
pub(super) mod console_socket;
mod flavors;
pub(super) mod hosts;
mod instance_actions;
mod key_pairs;
mod launch;
mod limits;
mod metadata;
mod microversion;
mod not_offered;
mod proxies;
mod remakes;
mod server_filters;
mod server_groups;
mod server_view;
mod servers;
mod tags;
mod usage;
mod versions;

pub(super) use not_offered::NOT_OFFERED;
pub(in crate::api) use servers::count as count_servers;

/// Every URL below `/compute`; with a slash at its end the root is a URL of its own.
pub fn routes() -> Router<Api> {
    let v21 = Router::new().merge(servers_routes()).merge(flavors_routes()).merge(other_routes());
    let v21 = v21.method_not_allowed_fallback(not_offered::method).fallback(not_offered::path);
    let v21 = v21.layer(from_fn(microversion::negotiate));
    Router::new()
        .route("/", get(versions::list))
        .route("/v2.1", get(versions::show))
        .route("/v2.1/", get(versions::show))
        .nest("/v2.1", v21)
        .fallback(nothing_here)
}

/// `/compute/`, which nesting leaves out.
pub fn root() -> Router<Api> {
    Router::new().route("/compute/", get(versions::list))
}

async fn nothing_here() -> ApiError {
    Error::NotFound("There is nothing at this URL.".into()).into()
}

fn servers_routes() -> Router<Api> {
    Router::new()
        .route("/servers", get(servers::list).post(servers::create))
        .route("/servers/detail", get(servers::detail))
        .route("/servers/{id}", get(servers::show).put(servers::update).delete(servers::delete))
        .route("/servers/{id}/action", post(actions::act))
        .route("/servers/{id}/remote-consoles", post(console::create))
        .route("/servers/{id}/metadata", get(metadata::list).post(metadata::merge).put(metadata::replace))
        .route("/servers/{id}/metadata/{key}", get(metadata::show).put(metadata::set).delete(metadata::remove))
        .route("/servers/{id}/tags", get(tags::list).put(tags::replace).delete(tags::clear))
        .route("/servers/{id}/tags/{tag}", get(tags::has).put(tags::add).delete(tags::remove))
        .route("/servers/{id}/ips", get(attachments::addresses))
        .route("/servers/{id}/ips/{network}", get(attachments::addresses_of_network))
        .route("/servers/{id}/diagnostics", get(attachments::diagnostics))
        .route("/servers/{id}/migrations", get(attachments::migrations))
        .route("/servers/{id}/topology", get(attachments::topology))
        .route("/servers/{id}/os-instance-actions", get(instance_actions::list))
        .route("/servers/{id}/os-instance-actions/{request_id}", get(instance_actions::show))
        .route("/servers/{id}/os-volume_attachments", get(attachments::volumes).post(attachments::attach_volume))
        .route(
            "/servers/{id}/os-volume_attachments/{volume}",
            get(attachments::volume).put(attachments::volume).delete(attachments::volume),
        )
        .route("/servers/{id}/os-interface", get(attachments::interfaces).post(attachments::fixed_interfaces))
        .route("/servers/{id}/os-interface/{port}", get(attachments::interface).delete(attachments::fixed_interfaces))
        .route("/servers/{id}/os-security-groups", get(attachments::security_groups))
        .route("/servers/{id}/os-server-password", get(attachments::password).delete(attachments::forget_password))
}

fn flavors_routes() -> Router<Api> {
    Router::new()
        .route("/flavors", get(flavors::list).post(flavors::create))
        .route("/flavors/detail", get(flavors::detail))
        .route("/flavors/{id}", get(flavors::show).put(flavors::update).delete(flavors::delete))
        .route("/flavors/{id}/action", post(flavors::act))
        .route("/flavors/{id}/os-flavor-access", get(flavors::access))
        .route("/flavors/{id}/os-extra_specs", get(flavors::extra_specs).post(flavors::set_extra_specs))
        .route(
            "/flavors/{id}/os-extra_specs/{key}",
            get(flavors::extra_spec).put(flavors::set_extra_spec).delete(flavors::delete_extra_spec),
        )
}

fn other_routes() -> Router<Api> {
    Router::new()
        .route("/os-keypairs", get(key_pairs::list).post(key_pairs::create))
        .route("/os-keypairs/{name}", get(key_pairs::show).delete(key_pairs::delete))
        .route("/limits", get(limits::limits))
        .route("/os-quota-sets/{project}", get(limits::show).put(limits::set).delete(limits::reset))
        .route("/os-quota-sets/{project}/defaults", get(limits::defaults))
        .route("/os-quota-sets/{project}/detail", get(limits::detail))
        .route("/os-availability-zone", get(hosts::zones))
        .route("/os-availability-zone/detail", get(hosts::zones_with_hosts))
        .route("/os-services", get(hosts::services))
        .route("/os-hosts", get(hosts::hosts))
        .route("/os-hypervisors", get(hosts::hypervisors))
        .route("/os-hypervisors/detail", get(hosts::hypervisors_detail))
        .route("/os-hypervisors/statistics", get(hosts::statistics))
        .route("/os-hypervisors/{id}", get(hosts::hypervisor))
        .route("/os-hypervisors/{id}/uptime", get(hosts::uptime))
        .route("/os-hypervisors/{id}/search", get(hosts::search))
        .route("/os-hypervisors/{id}/servers", get(hosts::servers_of))
        .route("/os-aggregates", get(hosts::aggregates))
        .route("/os-migrations", get(hosts::migrations))
        .route("/os-server-groups", get(server_groups::list).post(server_groups::create))
        .route("/os-server-groups/{id}", get(server_groups::show).delete(server_groups::delete))
        .route("/os-simple-tenant-usage", get(usage::list))
        .route("/os-simple-tenant-usage/{project}", get(usage::show))
        .route("/images", get(hosts::images))
        .route("/images/{*path}", get(hosts::images))
        .route("/extensions", get(proxies::extensions))
        .route("/extensions/{alias}", get(proxies::extension))
        .route("/os-networks", get(proxies::networks))
        .route("/os-networks/{id}", get(proxies::network))
        .route("/os-tenant-networks", get(proxies::networks))
        .route("/os-tenant-networks/{id}", get(proxies::network))
        .route("/os-security-groups", get(proxies::security_groups))
        .route("/os-security-groups/{id}", get(proxies::security_group))
        .route("/os-floating-ips", get(proxies::floating_ips))
        .route("/os-floating-ip-pools", proxies::none("floating_ip_pools"))
        .route("/os-volumes", proxies::none("volumes"))
        .route("/os-volumes/detail", proxies::none("volumes"))
        .route("/os-snapshots", proxies::none("snapshots"))
        .route("/os-snapshots/detail", proxies::none("snapshots"))
}

/// Adds Nova's link to the next page, if there is one.
fn link_next(answer: &mut Value, name: &str, query: &Query, address: &str, marker: Option<String>) {
    if let Some(marker) = marker {
        answer[name] = json!([{"rel": "next", "href": query.after(address, &marker)}]);
    }
}

/// Reads a server's id; what is not an id names no server.
fn server_id(text: &str) -> Result<InstanceId> {
    text.parse().map_err(|_| policy::no_such_instance(text))
}
