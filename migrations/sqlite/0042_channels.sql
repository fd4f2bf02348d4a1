-- Channels: a name under which a project releases one image after the other. The current release is the one of its images
-- that is not hidden: there is always one, and the index below lets no transaction end with two.
create table channels (
    id           text primary key,
    project_id   text not null,
    name         text not null,
    last_number  bigint not null,       -- of its latest release; a number is given once
    deprecate_ms bigint,                -- when all of its releases are deprecated, and withdrawn; null: never
    retire_ms    bigint,
    created_ms   bigint not null,
    unique (project_id, name)
);
create index channels_by_name on channels (name, id);

create table releases (
    channel_id  text not null references channels (id) on delete cascade,
    number      bigint not null,
    image_id    text not null unique references images (id) on delete cascade,
    replaced    bigint,                 -- the release whose place it last took by a promotion
    former_name text,                   -- the name that its image had before
    notes       text not null,
    created_ms  bigint not null,
    primary key (channel_id, number)
);

create table channel_steps (
    channel_id text not null references channels (id) on delete cascade,
    step       bigint not null,         -- 1, 2, 3 …
    at_ms      bigint not null,
    action     text not null,           -- promoted | rolled_back
    number     bigint not null,         -- the release that became current
    replaced   bigint,
    image_id   text not null,
    reason     text,                    -- why it was promoted although its verification speaks against it
    user_id    text not null,
    user_name  text not null,
    primary key (channel_id, step)
);

alter table images add column channel_id text;
alter table images add column release_number bigint;
alter table images add column deprecate_ms bigint;
alter table images add column retire_ms bigint;
create unique index images_current on images (channel_id)
    where channel_id is not null and hidden = 0 and status <> 'deleted';
create index images_to_retire on images (retire_ms) where retire_ms is not null and status = 'active';
create index instances_by_image on instances (image_id) where status <> 'DELETED';
