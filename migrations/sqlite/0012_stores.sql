-- Several named stores. Each has counters, chunks, sessions and segments of its own, so none waits for another.

alter table chunk_store rename to chunk_stores;
alter table chunk_stores add column name text not null default 'local';
create unique index chunk_stores_by_name on chunk_stores (name);

create table new_chunks (
    store         bigint not null,
    digest        blob not null,
    segment       bigint not null,
    start         bigint not null,      -- of the record in the segment's file
    stored_bytes  bigint not null,
    raw_bytes     bigint not null,
    epoch         bigint not null,      -- the highest of the sessions that counted on it
    condemned     bigint not null default 0,    -- the epoch of the sweep that found it unreachable
    damaged       bigint not null default 0,
    content_bytes bigint,               -- of a root: the stored bytes of its distinct chunks
    primary key (store, digest)
) without rowid;
insert into new_chunks select 1, digest, segment, start, stored_bytes, raw_bytes, epoch, condemned, damaged,
    content_bytes from chunks;
drop table chunks;
alter table new_chunks rename to chunks;
create index chunks_by_segment on chunks (store, segment, start);

create table new_chunk_segments (
    store      bigint not null,
    id         bigint not null,         -- the file's name
    owner      bigint not null,         -- the open store that appends
    state      bigint not null,         -- 0 open, 1 sealed, 2 being removed
    file_bytes bigint not null,
    primary key (store, id)
);
insert into new_chunk_segments select 1, id, owner, state, file_bytes from chunk_segments;
drop table chunk_segments;
alter table new_chunk_segments rename to chunk_segments;

create table new_chunk_sessions (
    store          bigint not null,
    id             bigint not null,
    owner          bigint not null,
    epoch          bigint not null,     -- the store's when it began
    lease_until_ms bigint not null,
    ended          bigint not null,     -- an ended session stays until a sweep has begun
    primary key (store, id)
);
insert into new_chunk_sessions select 1, id, owner, epoch, lease_until_ms, ended from chunk_sessions;
drop table chunk_sessions;
alter table new_chunk_sessions rename to chunk_sessions;

create table new_chunk_pins (
    store   bigint not null,
    session bigint not null,
    root    blob not null,
    primary key (store, session, root)
);
insert into new_chunk_pins select 1, session, root from chunk_pins;
drop table chunk_pins;
alter table new_chunk_pins rename to chunk_pins;

-- The names of the stores that hold an image's bytes, staged ones too, sorted and joined by commas.
alter table images add column stores text not null default '';
update images set stores = 'local' where coalesce(file_root, disk_root, staged_root) is not null;

-- The store that holds the disk under an instance.
alter table instances add column base_store text not null default 'local';
