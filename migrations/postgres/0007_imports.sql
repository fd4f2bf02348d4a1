-- Staged bytes, and the tasks that make images of them or of what is fetched.
alter table images add column staged_root text;         -- bytes that wait to be imported: a root that the sweep keeps
alter table images add column staged_ms bigint;         -- since when
alter table images add column import_task text;         -- the task at work on it
alter table images add column importing_to text;        -- as clients read them: null before the first import
alter table images add column failed_import text;

create index images_staged on images (owner) where status in ('uploading', 'importing');

-- What clients call a task: the import that somebody asked for. Its job has the same id.
create table image_tasks (
    id          text primary key,
    kind        text not null,          -- api_image_import, import
    image_id    text not null,
    owner       text not null,
    user_id     text not null,
    request_id  text not null,
    status      text not null,          -- pending, processing, success, failure
    input       text not null,          -- JSON, as it was asked for
    result      text,                   -- JSON
    message     text not null,
    created_ms  bigint not null,
    updated_ms  bigint not null,
    expires_ms  bigint                  -- once it has ended
);
create index image_tasks_by_image on image_tasks (image_id, created_ms);
create index image_tasks_by_age on image_tasks (created_ms, id);
