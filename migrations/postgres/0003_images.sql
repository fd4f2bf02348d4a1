-- Images: their records, whom they are shared with, and what each project has used.

create table images (
    id               text primary key,
    owner            text not null,
    name             text collate "C",
    status           text collate "C" not null,
    visibility       text collate "C" not null,
    hidden           bigint not null,
    protected        bigint not null,
    disk_format      text collate "C",
    container_format text collate "C",
    min_disk_gib     bigint not null,
    min_ram_mib      bigint not null,
    size_bytes       bigint,
    disk_bytes       bigint,
    checksum         text,
    os_hash          text,
    file_root        text,              -- null while there is none, and for a file that is rendered from the disk
    disk_root        text,
    rendering        bigint,            -- the version of the rendering that makes the file
    checked_by       bigint,            -- the version of the rules that judged the file; null for what nobody uploaded
    stored_bytes     bigint,            -- compressed bytes of the distinct chunks of file and disk
    tags             text not null,     -- a JSON array of strings, sorted
    properties       text not null,     -- a JSON object of strings
    created_ms       bigint not null,
    updated_ms       bigint not null,
    revision         bigint not null,   -- grows with every change; changes are made by compare-and-set on it
    charged_bytes    bigint not null,   -- what this image counts for in its owner's usage
    holder           text,              -- who holds a state that is not at rest
    lease_until_ms   bigint,            -- when that holder is given up
    progress         bigint,            -- percent, while an image is being made
    reason           text               -- why the last save failed
);
-- Lists walk one of these in the order they answer in, so a page costs the same however many images there are.
create index images_by_age on images (created_ms, id);
create index images_by_owner on images (owner, created_ms, id);
create index images_by_visibility on images (visibility, created_ms, id);
create index images_by_name on images (coalesce(name, ''), created_ms, id);
create index images_by_owner_name on images (owner, coalesce(name, ''), created_ms, id);
create index images_by_visibility_name on images (visibility, coalesce(name, ''), created_ms, id);
create index images_by_lease on images (lease_until_ms) where lease_until_ms is not null;

-- Tags and properties again, one row each, to filter by. Written with the image, from the image.
create table image_labels (
    label    text not null,             -- 'tag:' and the tag, or 'property:' and a digest of name and value
    image_id text not null references images (id) on delete cascade,
    primary key (label, image_id)
);
create index image_labels_by_image on image_labels (image_id);

create table image_members (
    image_id   text not null references images (id) on delete cascade,
    project_id text not null,
    status     text not null,
    created_ms bigint not null,
    updated_ms bigint not null,
    primary key (image_id, project_id)
);
create index image_members_by_project on image_members (project_id, status, image_id);

-- One row a project; the sums of its images, kept by the transactions that change them.
create table image_usage (
    project_id text primary key,
    images     bigint not null,
    bytes      bigint not null,         -- of every file, and of every reservation of an upload under way
    uploads    bigint not null
);
