-- The mark of the bucket that has a store's segments, and when a segment was set to be dropped: its object stays a while.
alter table chunk_stores add column bucket text;
alter table chunk_segments add column dropped_at_ms bigint;
