-- Limits of a project in the place of the deployment's, by the names of the settings in [quota]; null: the deployment's holds.
create table project_quotas (
    project_id   text primary key,
    images       bigint,
    image_bytes  bigint,
    uploads      bigint,
    staged_bytes bigint,
    instances    bigint,
    vcpus        bigint,
    memory_mib   bigint,
    disk_gib     bigint
);
