-- The address that the token was asked for from; null: it is not known.
alter table tokens add column address text;
