-- Options, each true or false: a JSON object. src/identity/options.rs says what they do.
alter table users add column options text not null default '{}';
alter table projects add column options text not null default '{}';
alter table domains add column options text not null default '{}';
alter table roles add column options text not null default '{}';
