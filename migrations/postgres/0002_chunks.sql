-- Chunks: where each lies, who counts on it, and the segments they lie in. docs/storage-format.md says why.

-- The store's counters: one row. Whoever changes rows of chunks or sessions changes `turn` first, so that
-- every database has them in one order.
create table chunk_store (
    id             bigint primary key,
    turn           bigint not null,
    epoch          bigint not null,     -- raised by each sweep
    last_owner     bigint not null,
    last_session   bigint not null,
    last_segment   bigint not null,
    scrub_position bigint not null      -- the segment that the last scrub ended with; 0 at the end
);
insert into chunk_store values (1, 0, 0, 0, 0, 0, 0);

create table chunks (
    digest        bytea primary key,
    segment       bigint not null,
    start         bigint not null,      -- of the record in the segment's file
    stored_bytes  bigint not null,
    raw_bytes     bigint not null,
    epoch         bigint not null,      -- the highest of the sessions that counted on it
    condemned     bigint not null default 0,    -- the epoch of the sweep that found it unreachable
    damaged       bigint not null default 0,
    content_bytes bigint                -- of a root: the stored bytes of its distinct chunks
);
create index chunks_by_segment on chunks (segment, start);

create table chunk_segments (
    id         bigint primary key,      -- the file's name
    owner      bigint not null,         -- the open store that appends
    state      bigint not null,         -- 0 open, 1 sealed, 2 being removed
    file_bytes bigint not null
);

create table chunk_sessions (
    id             bigint primary key,
    owner          bigint not null,
    epoch          bigint not null,     -- the store's when it began
    lease_until_ms bigint not null,
    ended          bigint not null      -- an ended session stays until a sweep has begun
);

create table chunk_pins (
    session bigint not null,
    root    bytea not null,
    primary key (session, root)
);
