-- Refused sign-ins of one hour are counted on the first of them.
alter table audit_events add column times bigint not null default 1;
