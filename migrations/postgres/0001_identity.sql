-- Who may do what: filled by the identity room.
create table meta (
    name  text primary key,
    value text not null
);
