-- The files that the guest writes as it first boots, as JSON: pairs of a path and the contents in base64.
alter table instances add column files text;
