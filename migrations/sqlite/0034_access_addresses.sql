-- The addresses under which an instance's owner says that it is reached; null: none.
alter table instances add column access_ipv4 text;
alter table instances add column access_ipv6 text;
