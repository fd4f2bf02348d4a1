-- When the user last signed in with a proof of their own, in milliseconds since 1970; null: not since this is kept.
alter table users add column last_sign_in_ms bigint;
