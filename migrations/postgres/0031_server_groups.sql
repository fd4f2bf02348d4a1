-- Server groups: which instances are to be together on a host, or apart.
create table server_groups (
    id         text primary key,
    project_id text not null,
    user_id    text not null,
    name       text not null,
    policy     text not null,           -- affinity | anti-affinity | soft-affinity | soft-anti-affinity
    on_a_host  bigint,                  -- anti-affinity: the most of its members on one host; null: one
    created_ms bigint not null
);
create index server_groups_by_project on server_groups (project_id, created_ms, id);
alter table instances add column server_group text;
create index instances_by_server_group on instances (server_group);
