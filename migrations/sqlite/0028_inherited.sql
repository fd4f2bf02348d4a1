-- The part of its image's record that images of the instance have too, as JSON; empty: an instance of an older version.
alter table instances add column inherited text not null default '{}';
