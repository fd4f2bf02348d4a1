-- Health pages and metrics count the few damaged chunks among many.
create index chunks_damaged on chunks (store) where damaged = 1;
