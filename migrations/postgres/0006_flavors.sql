-- What an instance may be made of, and the keys people sign in to it with.
create table flavors (
    id            text primary key,
    name          text not null unique,
    vcpus         bigint not null,
    memory_mib    bigint not null,
    disk_gib      bigint not null,
    ephemeral_gib bigint not null,
    swap_mib      bigint not null,
    rxtx_factor   double precision not null,
    is_public     integer not null,
    description   text,
    extra_specs   text not null,           -- a JSON object of strings
    created_ms    bigint not null
);

-- Which projects see a flavor that is not public.
create table flavor_access (
    flavor_id  text not null references flavors (id) on delete cascade,
    project_id text not null,
    primary key (flavor_id, project_id)
);

insert into flavors values
    ('42', 'm1.nano',   1,   64,  0, 0, 0, 1.0, 1, 'The smallest: for test guests', '{}', 0),
    ('1',  'm1.tiny',   1,  512,  1, 0, 0, 1.0, 1, null, '{}', 0),
    ('2',  'm1.small',  1, 2048, 20, 0, 0, 1.0, 1, null, '{}', 0),
    ('3',  'm1.medium', 2, 4096, 40, 0, 0, 1.0, 1, null, '{}', 0),
    ('4',  'm1.large',  4, 8192, 80, 0, 0, 1.0, 1, null, '{}', 0);

create table key_pairs (
    id          bigserial primary key,
    user_id     text not null,
    name        text not null,
    public_key  text not null,             -- one line, as OpenSSH writes it
    fingerprint text not null,             -- md5 of the key, hex pairs with colons
    created_ms  bigint not null,
    unique (user_id, name)
);
