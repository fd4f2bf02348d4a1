-- Shares: the terms of a member, what became of them, and how often the image was used by them.
alter table image_members add column expires_ms bigint;     -- from then on it is no member; null: never
alter table image_members add column reason text;           -- why, for the owner
alter table image_members add column note text;             -- for the receiver
create index image_members_to_end on image_members (expires_ms) where expires_ms is not null;
-- The list of what is shared asks for the end as well.
drop index image_members_by_project;
create index image_members_by_project on image_members (project_id, status, image_id, expires_ms);

-- No references to images: a row that is written while its image is deleted must not fail. Those that are left are forgotten.
create table share_events (
    id         text primary key,        -- grows with time
    image_id   text not null,
    image_name text,                    -- as it was then
    owner      text not null,           -- the image's project then, which the reason is of
    project_id text not null,           -- the receiver
    at_ms      bigint not null,
    step       text not null,           -- shared | changed | pending | accepted | rejected | ended | expired
    expires_ms bigint,
    reason     text,
    withheld   bigint not null,         -- the receiver did not see the image then
    told       bigint not null          -- 0: the audit does not have it yet
);
create index share_events_by_image on share_events (image_id, id);
create index share_events_by_project on share_events (project_id, id);
create index share_events_untold on share_events (id) where told = 0;

create table share_uses (
    image_id   text not null,
    project_id text not null,
    launches   bigint not null,
    downloads  bigint not null,
    last_ms    bigint not null,
    primary key (image_id, project_id)
);
create index share_uses_by_age on share_uses (last_ms);
create index share_uses_by_project on share_uses (project_id, image_id);
