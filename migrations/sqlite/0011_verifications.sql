-- What was found inside disks, what was stated of images, and what holds back those that are declared public.

-- By the root of the disk's manifest, so that the same content is not looked at twice.
create table disk_reports (
    root    text primary key,
    rules   bigint not null,            -- the version of the rules that were applied
    report  text not null,              -- JSON
    made_ms bigint not null
);

create table verifications (
    image_id  text primary key references images (id) on delete cascade,
    disk_root text not null,            -- what the statement is about
    rules     text not null,            -- the versions of the rules of formats and of what is inside
    statement text not null,            -- a DSSE envelope
    made_ms   bigint not null
);

-- Null: nothing holds the image back. Only images whose visibility is public have any other value.
alter table images add column public_hold text;     -- 'pending' or 'held'
alter table images add column public_why  text;

-- What the verification came to, 'passed' or 'failed', for lists; null: it was not verified by today's rules.
alter table images add column verdict text;

update images set public_hold = 'pending', public_why = 'It was not verified yet.' where visibility = 'public';
