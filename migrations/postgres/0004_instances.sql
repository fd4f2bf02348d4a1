-- Instances, and what was done to them. One driver task owns a row's state while the service runs.
create table instances (
    id             text primary key,
    project_id     text not null,
    user_id        text not null,
    name           text not null,
    description    text,
    hostname       text not null,
    status         text not null,
    task           text,
    fault_code     bigint,
    fault_message  text,
    fault_ms       bigint,
    image_id       text,
    image_name     text not null,
    -- The image's properties that say what its guest needs or is, as JSON.
    hardware       text not null,
    -- The digest of the manifest under the overlay: a root that the sweep keeps.
    base_root      text not null,
    base_bytes     bigint not null,
    disk_bytes     bigint not null,
    flavor         text not null,
    vcpus          bigint not null,
    memory_mib     bigint not null,
    key_name       text,
    public_key     text,
    user_data      text,
    metadata       text not null,
    tags           text not null,
    -- Who keeps it from being changed, as JSON; null: nobody.
    locked         text,
    -- Null: no network.
    mac            text,
    forwards       text not null,
    launch_index   bigint not null,
    reservation_id text not null,
    -- The lowest number no other living instance has: its user id is `uid_base` + number.
    number         bigint not null,
    accel          text,
    -- The image that is being made of it.
    capture_image  text,
    created_ms     bigint not null,
    updated_ms     bigint not null,
    launched_ms    bigint,
    terminated_ms  bigint
);
create index instances_by_project on instances (project_id, status);
create unique index instances_by_number on instances (number) where status <> 'DELETED';
create index instances_alive on instances (status) where status <> 'DELETED';

-- Whoever reserves of a quota first takes the row of its name; the rest wait.
create table instance_locks (
    name text primary key,
    turn bigint not null
);

create table instance_actions (
    id          text primary key,
    instance_id text not null,
    action      text not null,
    request_id  text not null,
    user_id     text not null,
    project_id  text not null,
    start_ms    bigint not null,
    finish_ms   bigint,
    result      text,
    message     text
);
create index instance_actions_by_instance on instance_actions (instance_id, start_ms);
