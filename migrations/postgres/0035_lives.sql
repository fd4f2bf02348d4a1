-- The system that an instance runs instead of its own while it is rescued (JSON), with the content under its disk, which the
-- store must keep; and the image that a shelved instance's disk is in.
alter table instances add column rescue text;
alter table instances add column rescue_root text;
alter table instances add column rescue_store text;
alter table instances add column shelved text;
