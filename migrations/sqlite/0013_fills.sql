-- Fills: images on their way to bytes. A row lives from the first step to the last, on each of the roads.
create table fills (
    image_id       text primary key references images (id) on delete cascade,
    kind           text not null,       -- upload, stage, import, capture, clean, copy
    job_id         text,                -- the job that does it; null when a request does
    holder         text,                -- who is at work on it; null while it waits
    lease_until_ms bigint,              -- when that holder is given up
    staged_root    text,                -- bytes that wait to be imported: a root that the sweep keeps
    staged_bytes   bigint,
    staged_ms      bigint               -- since when
);
create index fills_by_lease on fills (lease_until_ms) where lease_until_ms is not null;
create index fills_by_root on fills (staged_root) where staged_root is not null;

insert into fills (image_id, kind, job_id, holder, lease_until_ms, staged_root, staged_bytes, staged_ms)
select i.id,
    case
        when i.status = 'importing' then 'import'
        when i.status = 'uploading' then 'stage'
        when i.status in ('active', 'deactivated') then 'copy'
        when j.once like 'snapshot %' then 'capture'
        when j.once like 'generalize %' then 'clean'
        else 'upload'
    end,
    coalesce(i.import_task, j.id), i.holder, i.lease_until_ms, i.staged_root,
    -- Of what an import reserved beyond its staged bytes nobody knows; they are counted as one until it ends.
    case when i.staged_root is not null then i.charged_bytes end, i.staged_ms
from images i left join jobs j on j.once in ('snapshot ' || i.id, 'generalize ' || i.id)
where i.holder is not null or i.import_task is not null or i.status in ('saving', 'uploading', 'importing');

drop index images_by_lease;
alter table images drop column holder;
alter table images drop column lease_until_ms;
alter table images drop column staged_root;
alter table images drop column staged_ms;
