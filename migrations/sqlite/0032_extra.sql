-- The fields that clients write beside those that are known, as users have them: a JSON object.
alter table domains add column extra text not null default '{}';
alter table projects add column extra text not null default '{}';
alter table user_groups add column extra text not null default '{}';
alter table roles add column extra text not null default '{}';
alter table regions add column extra text not null default '{}';
alter table services add column extra text not null default '{}';
alter table endpoints add column extra text not null default '{}';
