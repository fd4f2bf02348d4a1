-- The oldest token of a user ends when there are too many.
drop index tokens_by_user;
create index tokens_by_user on tokens (user_id, issued_ms);
