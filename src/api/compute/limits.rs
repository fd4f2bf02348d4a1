//! The limits and the usage of a project: `/limits`, `/os-quota-sets`. The limits are settings of the service, or the
//! project's own (set here, or with those of images at `/effigy/v1/projects/{project}/quota`).

use axum::{Json, extract::Path, http::StatusCode};
use serde_json::{Map, Value, json};

use super::{
    body::{Body, Fields},
    microversion::Microversion,
};
use crate::{
    api::{Rooms, caller::Asked, error::Answer, paging::Query},
    config::Quota,
    error::{Error, Result},
    identity::{Caller, policy},
    ids::ProjectId,
    instances::{MAX_FILE_BYTES, MAX_FILE_PATH_BYTES, MAX_FILES, MAX_METADATA, Usage, server_groups::MAX_GROUPS},
    model::usage::OwnLimits,
};

/// `GET /limits`
pub(super) async fn limits(Asked { rooms, caller, .. }: Asked, version: Microversion, query: Query) -> Answer {
    let project = match query.one("tenant_id") {
        // Nova does not ask whether there is such a project: one that is not uses nothing.
        Some(id) => asked(&caller, id)?.unwrap_or_else(ProjectId::nil),
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
        "totalServerGroupsUsed": rooms.server_groups.count(project).await?,
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
    let quota = rooms.quota_of(project(&rooms, &caller, &id).await?).await?;
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
    let project = project(&rooms, &caller, &id).await?;
    let used = rooms.instances.usage_of(&caller, project).await?;
    let with_usage = |limit: i64, used: u64| json!({"limit": limit, "in_use": used, "reserved": 0});
    Ok(Json(quota_set(&rooms.quota_of(project).await?, &id, version, with_usage, used, 0)))
}

/// `PUT /os-quota-sets/{project}`: the limits of its own that a project has of instances, cores and memory.
pub(super) async fn set(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(id): Path<String>,
    query: Query,
    Body(body): Body,
) -> Answer {
    policy::administer(&caller, "change quotas")?;
    query.only(&[])?;
    let project = project(&rooms, &caller, &id).await?;
    let mut fields = Fields::under(body, "quota_set", &[])?;
    let wanted = [limit(&mut fields, "instances")?, limit(&mut fields, "cores")?, limit(&mut fields, "ram")?];
    let is_forced = fields.flag("force")?.unwrap_or(false);
    fields.take("tenant_id");
    let quota = rooms.quota_of(project).await?;
    for (name, fixed) in fixed(&quota, version) {
        if let Some(value) = fields.take(name).filter(|value| value.as_i64() != Some(fixed)) {
            return Err(fields.invalid(name, &value, &format!("{fixed}, as for every project")).into());
        }
    }
    fields.done()?;
    if !is_forced {
        not_below(&rooms.instances.usage_of(&caller, project).await?, wanted)?;
    }
    let [instances, vcpus, memory_mib] = wanted;
    let change = |own: &mut OwnLimits| {
        own.instances = instances.or(own.instances);
        own.vcpus = vcpus.or(own.vcpus);
        own.memory_mib = memory_mib.or(own.memory_mib);
    };
    rooms.db.change_own_limits(&project, change).await?;
    let mut set =
        quota_set(&rooms.quota_of(project).await?, &id, version, |limit, _| json!(limit), Usage::default(), 0);
    // Nova names the project in the other answers only.
    set["quota_set"].as_object_mut().map(|set| set.remove("id"));
    Ok(Json(set))
}

/// Refuses limits of instances, cores and memory that are used up already.
fn not_below(used: &Usage, wanted: [Option<i64>; 3]) -> Result<()> {
    let names = ["instances", "cores", "ram"].into_iter().zip([used.instances, used.vcpus, used.memory_mib]);
    for ((name, used), wanted) in names.zip(wanted) {
        if let Some(wanted) = wanted.filter(|wanted| wanted.unsigned_abs() < used) {
            return Err(Error::Invalid(format!(
                "Quota limit {wanted} for {name} must be greater than or equal to already used and reserved {used}; \
                 or set it with force."
            )));
        }
    }
    Ok(())
}

/// A limit: a whole number, in digits too. Nova's -1 is no limit, and every project has one here.
fn limit(fields: &mut Fields, name: &str) -> Result<Option<i64>> {
    let Some(value) = fields.take(name) else { return Ok(None) };
    let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    match number.filter(|number| *number >= 0) {
        Some(number) => Ok(Some(number)),
        None => Err(fields.invalid(name, &value, "a whole number of at least 0: no project is without a limit")),
    }
}

/// `DELETE /os-quota-sets/{project}`: the deployment's limits hold again.
pub(super) async fn reset(
    Asked { rooms, caller, .. }: Asked,
    Path(id): Path<String>,
    query: Query,
) -> Answer<StatusCode> {
    policy::administer(&caller, "change quotas")?;
    query.only(&[])?;
    let project = asked(&caller, &id)?.ok_or_else(|| no_such_project(&id))?;
    let reset = |own: &mut OwnLimits| (own.instances, own.vcpus, own.memory_mib) = (None, None, None);
    rooms.db.change_own_limits(&project, reset).await?;
    Ok(StatusCode::ACCEPTED)
}

fn quota_set(
    quota: &Quota,
    id: &str,
    version: Microversion,
    entry: impl Fn(i64, u64) -> Value,
    used: Usage,
    key_pairs: u64,
) -> Value {
    let mut set = Map::new();
    let mut add = |name: &str, limit: i64, used: u64| drop(set.insert(name.into(), entry(limit, used)));
    add("instances", shown(quota.instances), used.instances);
    add("cores", shown(quota.vcpus), used.vcpus);
    add("ram", shown(quota.memory_mib), used.memory_mib);
    for (name, limit) in fixed(quota, version) {
        // Nova counts key pairs by user, and says 0 of a project.
        add(name, limit, if name == "key_pairs" { key_pairs } else { 0 });
    }
    set.insert("id".into(), json!(id));
    json!({ "quota_set": set })
}

/// A limit as the API has it, which knows -1 for none.
fn shown(limit: u64) -> i64 {
    limit.try_into().unwrap_or(i64::MAX)
}

/// The limits that are the same for every project.
fn fixed(quota: &Quota, version: Microversion) -> Vec<(&'static str, i64)> {
    let mut fixed = vec![
        ("key_pairs", shown(quota.key_pairs)),
        ("metadata_items", MAX_METADATA as i64),
        ("server_groups", shown(MAX_GROUPS)),
        ("server_group_members", shown(quota.instances)),
    ];
    if version.0 <= 35 {
        let network = ["floating_ips", "security_group_rules"].map(|name| (name, 0));
        // Every instance has its address: nothing counts them.
        fixed.extend([("fixed_ips", -1), ("security_groups", 1)].into_iter().chain(network));
    }
    if version.0 <= 56 {
        fixed.extend([
            ("injected_files", MAX_FILES as i64),
            ("injected_file_content_bytes", MAX_FILE_BYTES as i64),
            ("injected_file_path_bytes", MAX_FILE_PATH_BYTES as i64),
        ]);
    }
    fixed
}

/// The project that is asked for: the caller's own, or any to the admin; `None` when no project can have such an id.
fn asked(caller: &Caller, id: &str) -> Result<Option<ProjectId>> {
    let project = id.parse().ok();
    if project.is_none() || project != caller.project.as_ref().map(|project| project.id) {
        policy::administer(caller, "see another project's quotas")?;
    }
    Ok(project)
}

/// The same, of the projects that there are.
async fn project(rooms: &Rooms, caller: &Caller, id: &str) -> Result<ProjectId> {
    let project = asked(caller, id)?.ok_or_else(|| no_such_project(id))?;
    if rooms.may_be_a_project(project).await? { Ok(project) } else { Err(no_such_project(id)) }
}

fn no_such_project(id: &str) -> Error {
    Error::Invalid(format!("Project ID {id} is not a valid project."))
}
