-- The virtual hardware that a launch made of its image's properties, as JSON; null: an instance of an older version, whose
-- hardware is read from the properties as that version read them.
alter table instances add column machine text;
