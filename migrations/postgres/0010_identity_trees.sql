-- A project may stand below another of its domain; null stands below the domain itself.
alter table projects add column parent_id text references projects (id);
create index projects_by_parent on projects (parent_id);

-- A role may belong to a domain: it then gives only what it implies. Names stay unique over all domains.
alter table roles add column domain_id text references domains (id);

-- grants.target_kind is project, domain or system; or below-project or below-domain: the role is then held in
-- every project below the target, and not on the target itself.

-- What clients wrote about a user beyond what Effigy knows: a JSON object.
alter table users add column extra text not null default '{}';

-- The end of an application credential in its maker's words, to the microsecond; expires_ms is what counts.
alter table application_credentials add column expires_at text;

-- Access rules outlive the credentials that they were made with, so that others can name them.
create table access_rules (
    id      text primary key,
    user_id text not null references users (id) on delete cascade,
    service text not null,
    method  text not null,
    path    text not null
);
create index access_rules_by_user on access_rules (user_id);
