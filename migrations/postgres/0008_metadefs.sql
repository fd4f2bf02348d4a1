-- Metadata definitions: what the properties of images (and of other things) are called and may say.
create table metadef_namespaces (
    name         text primary key,
    display_name text,
    description  text,
    visibility   text not null,         -- public, private
    protected    bigint not null,
    owner        text not null,
    created_ms   bigint not null,
    updated_ms   bigint not null
);

-- What is in a namespace: objects, properties, tags, and the resource types it is about.
create table metadef_items (
    namespace  text not null references metadef_namespaces (name) on delete cascade on update cascade,
    kind       text not null,           -- object, property, tag, resource_type
    name       text not null,
    body       text not null,           -- JSON: all but the name
    created_ms bigint not null,
    updated_ms bigint not null,
    primary key (namespace, kind, name)
);

create table metadef_resource_types (
    name       text primary key,
    created_ms bigint not null,
    updated_ms bigint not null
);
