-- Files that clients send in parts, and go on with after a break.
alter table fills add column whole_bytes bigint;  -- the length of the file
alter table fills add column metadata text;       -- the words of its client, as they were sent
alter table fills add column sha512 text;         -- of the file, where its client has told it
alter table fills add column runs bigint not null default 0;  -- how often the service died during its import
-- The name of each upload: another upload of the same image has another. It stays with the image that it became.
create table uploads (
    id          text primary key,
    image_id    text not null unique references images (id) on delete cascade,
    whole_bytes bigint not null
);
