-- Who may do what. Ids are text, times are milliseconds since 1970, flags are 0 or 1.

-- Facts about this database, such as that its first admin was made.
create table meta (
    name  text primary key,
    value text not null
);

create table domains (
    id          text primary key,
    name        text not null unique,
    description text not null,
    enabled     bigint not null
);

create table projects (
    id          text primary key,
    domain_id   text not null references domains (id),
    name        text not null,
    description text not null,
    enabled     bigint not null,
    -- A JSON array of strings, sorted.
    tags        text not null,
    unique (domain_id, name)
);

create table users (
    id                  text primary key,
    domain_id           text not null references domains (id),
    name                text not null,
    description         text,
    email               text,
    enabled             bigint not null,
    default_project_id  text,
    -- An argon2id hash in PHC form; null for a user who cannot sign in with a password.
    password            text,
    password_changed_ms bigint not null,
    unique (domain_id, name)
);

-- Failed sign-ins, by user id or, for a name nobody has, by the digest of the name: both cost the same.
create table sign_in_failures (
    who             text primary key,
    failures        bigint not null,
    since_ms        bigint not null,
    locked_until_ms bigint not null
);
create index sign_in_failures_by_time on sign_in_failures (since_ms);

create table user_groups (
    id          text primary key,
    domain_id   text not null references domains (id),
    name        text not null,
    description text not null,
    unique (domain_id, name)
);

create table group_members (
    group_id text not null references user_groups (id) on delete cascade,
    user_id  text not null references users (id) on delete cascade,
    primary key (group_id, user_id)
);
create index group_members_by_user on group_members (user_id);

create table roles (
    id          text primary key,
    name        text not null unique,
    description text
);

-- Whoever holds the prior role holds the implied one too.
create table role_implications (
    prior_id   text not null references roles (id) on delete cascade,
    implied_id text not null references roles (id) on delete cascade,
    primary key (prior_id, implied_id)
);

-- actor_kind: user | group. target_kind: project | domain | system (target_id 'all').
create table grants (
    actor_kind  text not null,
    actor_id    text not null,
    target_kind text not null,
    target_id   text not null,
    role_id     text not null references roles (id) on delete cascade,
    primary key (actor_kind, actor_id, target_kind, target_id, role_id)
);
create index grants_by_target on grants (target_kind, target_id);

create table application_credentials (
    id           text primary key,
    user_id      text not null references users (id) on delete cascade,
    project_id   text not null references projects (id) on delete cascade,
    name         text not null,
    description  text,
    -- The blake3 digest of a secret that we made of 32 random bytes, or an argon2id hash of one a person chose.
    secret       text not null,
    unrestricted bigint not null,
    expires_ms   bigint,
    -- A JSON array of {id, service, method, path}; null allows every request.
    access_rules text,
    created_ms   bigint not null,
    unique (user_id, name)
);
create index application_credentials_by_project on application_credentials (project_id);

create table application_credential_roles (
    credential_id text not null references application_credentials (id) on delete cascade,
    role_id       text not null references roles (id) on delete cascade,
    primary key (credential_id, role_id)
);

-- A token's row is its right to live: whatever ends the token deletes the row.
create table tokens (
    -- The blake3 digest of the token, in hex. The token itself is kept nowhere.
    digest          text primary key,
    user_id         text not null references users (id) on delete cascade,
    -- unscoped | project | domain | system
    scope_kind      text not null,
    scope_id        text not null,
    methods         text not null,
    audit_id        text not null,
    first_audit_id  text not null,
    credential_id   text references application_credentials (id) on delete cascade,
    issued_ms       bigint not null,
    expires_ms      bigint not null
);
create index tokens_by_user on tokens (user_id);
create index tokens_by_scope on tokens (scope_kind, scope_id);
create index tokens_by_expiry on tokens (expires_ms);

-- What is in the catalog beside Effigy's own services.
create table regions (
    id               text primary key,
    description      text not null,
    parent_region_id text
);

create table services (
    id          text primary key,
    kind        text not null,
    name        text not null,
    description text not null,
    enabled     bigint not null
);

create table endpoints (
    id         text primary key,
    service_id text not null references services (id) on delete cascade,
    interface  text not null,
    region_id  text,
    url        text not null,
    enabled    bigint not null
);

-- One row for every change, download and refused sign-in. Ids grow with time.
create table audit_events (
    id                text primary key,
    at_ms             bigint not null,
    request_id        text not null,
    client_request_id text,
    user_id           text,
    user_name         text,
    project_id        text,
    project_name      text,
    address           text,
    action            text not null,
    target_id         text,
    outcome           text not null,
    status            bigint not null,
    reason            text
);
