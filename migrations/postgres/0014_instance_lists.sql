-- Instances are ordered by the bytes of these, as in SQLite, whatever the database's language.
alter table instances
    alter column id type text collate "C",
    alter column name type text collate "C",
    alter column status type text collate "C";

-- Lists of instances walk one of these in the order they answer in, so a page costs the same however many there are.
create index instances_by_age on instances (created_ms, id) where status <> 'DELETED';
create index instances_by_project_age on instances (project_id, created_ms, id) where status <> 'DELETED';
-- What changed since a time, and deleted instances that are due to be forgotten.
create index instances_by_change on instances (updated_ms);
create index instances_gone on instances (updated_ms, id) where status = 'DELETED';
