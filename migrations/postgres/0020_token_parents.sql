-- The token that a token was exchanged for: it ends with it, also when both happen at the same time.
alter table tokens add column parent text references tokens (digest) on delete cascade;
create index tokens_by_parent on tokens (parent);
