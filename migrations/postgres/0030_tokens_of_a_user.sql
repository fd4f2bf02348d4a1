-- The tokens of a user, and of each of its application credentials, end when there are too many: first those that end soonest.
drop index tokens_by_user;
create index tokens_by_user on tokens (user_id, (coalesce(credential_id, '')), expires_ms, issued_ms, digest);
