-- Several named stores. Each has counters, chunks, sessions and segments of its own, so none waits for another.

alter table chunk_store rename to chunk_stores;
alter table chunk_stores add column name text not null default 'local';
create unique index chunk_stores_by_name on chunk_stores (name);

alter table chunks add column store bigint not null default 1;
alter table chunks drop constraint chunks_pkey, add primary key (store, digest);
drop index chunks_by_segment;
create index chunks_by_segment on chunks (store, segment, start);

alter table chunk_segments add column store bigint not null default 1;
alter table chunk_segments drop constraint chunk_segments_pkey, add primary key (store, id);

alter table chunk_sessions add column store bigint not null default 1;
alter table chunk_sessions drop constraint chunk_sessions_pkey, add primary key (store, id);

alter table chunk_pins add column store bigint not null default 1;
alter table chunk_pins drop constraint chunk_pins_pkey, add primary key (store, session, root);

-- The names of the stores that hold an image's bytes, staged ones too, sorted and joined by commas.
alter table images add column stores text not null default '';
update images set stores = 'local' where coalesce(file_root, disk_root, staged_root) is not null;

-- The store that holds the disk under an instance.
alter table instances add column base_store text not null default 'local';
