-- Work that outlives its request.
create table jobs (
    id             text primary key,
    lane           text not null,       -- which workers take it
    work           text not null,       -- JSON: what to do
    caller         text,                -- JSON: who asked for it
    once           text unique,         -- while it waits or runs, no second job of the same name is taken on
    state          text not null,       -- waiting, running, done, failed
    failures       bigint not null,   -- attempts that failed; one cut short by the service's end is none
    run_at_ms      bigint not null,
    holder         text,
    lease_until_ms bigint,
    progress       bigint,
    reason         text,                -- why the last attempt failed
    created_ms     bigint not null,
    updated_ms     bigint not null
);
create index jobs_by_turn on jobs (lane, state, run_at_ms);
create index jobs_by_age on jobs (state, updated_ms);
