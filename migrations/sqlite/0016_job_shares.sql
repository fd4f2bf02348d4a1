-- The project whose share of its lane a job takes; the service's own jobs have none.
alter table jobs add column project_id text;
