//! The limits and the usage of a project: `/limits`, `/os-quota-sets`. The limits are settings of the service, or the
//! project's own (`/effigy/v1/projects/{project}/quota`).

use axum::{Json, extract::Path, http::StatusCode};
use serde_json::{Map, Value, json};

use super::microversion::Microversion;
use crate::{
    api::{
        caller::Asked,
        error::{Answer, ApiError},
        paging::Query,
    },
    config::Quota,
    error::Result,
    identity::{Caller, policy},
    ids::ProjectId,
    instances::{MAX_FILE_BYTES, MAX_FILE_PATH_BYTES, MAX_FILES, MAX_METADATA, Usage, server_groups::MAX_GROUPS},
};

/// `GET /limits`
pub(super) async fn limits(Asked { rooms, caller, .. }: Asked, version: Microversion, query: Query) -> Answer {
    let project = match query.one("tenant_id") {
        Some(id) => project(&caller, id)?,
        None => policy::in_a_project(&caller)?,
    };
    let used = rooms.instances.usage_of(&caller, project).await?;
    let quota = rooms.quota_of(project).await?;
    let mut absolute = json!({
        "maxTotalInstances": quota.instances,
        "maxTotalCores": quota.vcpus,
        "maxTotalRAMSize": quota.memory_mib,
        "maxTotalKeypairs": quota.key_pairs,
        "maxServerMeta": MAX_METADATA,
        "maxServerGroups": MAX_GROUPS,
        "maxServerGroupMembers": quota.instances,
        "totalInstancesUsed": used.instances,
        "totalCoresUsed": used.vcpus,
        "totalRAMUsed": used.memory_mib,
        "totalServerGroupsUsed": 0,
    });
    // The limits that Nova dropped when its proxies to other services ended.
    let mut until = |last: u16, names: &[&str], value: Value| {
        for name in names.iter().filter(|_| version.0 <= last) {
            absolute[name] = value.clone();
        }
    };
    let network = ["maxTotalFloatingIps", "totalFloatingIpsUsed", "maxSecurityGroupRules"];
    until(35, &network, json!(0));
    until(35, &["maxSecurityGroups", "totalSecurityGroupsUsed"], json!(1));
    until(38, &["maxImageMeta"], json!(MAX_METADATA));
    until(56, &["maxPersonality"], json!(MAX_FILES));
    until(56, &["maxPersonalitySize"], json!(MAX_FILE_BYTES));
    Ok(Json(json!({"limits": {"rate": [], "absolute": absolute}})))
}

/// `GET /os-quota-sets/{project}`
pub(super) async fn show(Asked { rooms, caller, .. }: Asked, version: Microversion, Path(id): Path<String>) -> Answer {
    let quota = rooms.quota_of(project(&caller, &id)?).await?;
    Ok(Json(quota_set(&quota, &id, version, |limit, _| json!(limit), Usage::default(), 0)))
}

/// `GET /os-quota-sets/{project}/defaults`: the limits of a project that has none of its own.
pub(super) async fn defaults(Asked { rooms, .. }: Asked, version: Microversion, Path(id): Path<String>) -> Answer {
    Ok(Json(quota_set(&rooms.quota, &id, version, |limit, _| json!(limit), Usage::default(), 0)))
}

/// `GET /os-quota-sets/{project}/detail`
pub(super) async fn detail(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(id): Path<String>,
) -> Answer {
    let project = project(&caller, &id)?;
    let used = rooms.instances.usage_of(&caller, project).await?;
    let with_usage = |limit: u64, used: u64| json!({"limit": limit, "in_use": used, "reserved": 0});
    Ok(Json(quota_set(&rooms.quota_of(project).await?, &id, version, with_usage, used, 0)))
}

/// `PUT` and `DELETE /os-quota-sets/{project}`
pub(super) async fn fixed(Asked { caller, .. }: Asked) -> Answer {
    policy::administer(&caller, "change quotas")?;
    let message = "Quotas are settings of the service ([quota] in its configuration); the limits of one project are set at \
                   /effigy/v1/projects/PROJECT/quota.";
    Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, message))
}

fn quota_set(
    quota: &Quota,
    id: &str,
    version: Microversion,
    entry: impl Fn(u64, u64) -> Value,
    used: Usage,
    key_pairs: u64,
) -> Value {
    let mut set = Map::new();
    let mut add = |name: &str, limit: u64, used: u64| drop(set.insert(name.into(), entry(limit, used)));
    add("instances", quota.instances, used.instances);
    add("cores", quota.vcpus, used.vcpus);
    add("ram", quota.memory_mib, used.memory_mib);
    // Nova counts key pairs by user, and says 0 of a project.
    add("key_pairs", quota.key_pairs, key_pairs);
    add("metadata_items", MAX_METADATA as u64, 0);
    add("server_groups", MAX_GROUPS, 0);
    add("server_group_members", quota.instances, 0);
    if version.0 <= 35 {
        for (name, limit) in
            [("fixed_ips", quota.instances), ("floating_ips", 0), ("security_groups", 1), ("security_group_rules", 0)]
        {
            add(name, limit, 0);
        }
    }
    if version.0 <= 56 {
        for (name, limit) in [
            ("injected_files", MAX_FILES),
            ("injected_file_content_bytes", MAX_FILE_BYTES),
            ("injected_file_path_bytes", MAX_FILE_PATH_BYTES),
        ] {
            add(name, limit as u64, 0);
        }
    }
    set.insert("id".into(), json!(id));
    json!({ "quota_set": set })
}

/// The project of a URL: the caller's own, or any to the admin.
fn project(caller: &Caller, id: &str) -> Result<ProjectId> {
    let own = caller.project.as_ref().map(|project| project.id);
    match id.parse() {
        Ok(id) if own == Some(id) => Ok(id),
        Ok(id) => policy::administer(caller, "see another project's quotas").map(|()| id),
        Err(_) => {
            policy::administer(caller, "see another project's quotas")?;
            Err(crate::Error::Invalid(format!("Project ID {id} is not a valid project.")))
        }
    }
}
