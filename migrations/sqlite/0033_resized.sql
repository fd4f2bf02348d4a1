-- The flavor that a resized instance had before, its disk's size, and whether it runs (JSON); null: it is not resized, or that
-- is confirmed.
alter table instances add column resized_from text;
