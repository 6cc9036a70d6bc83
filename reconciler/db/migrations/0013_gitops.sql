-- What changes of stacks/ would do, what people have seen of it, and which commit the fleet is at.

create table clawfleet.plans (
  id           bigint generated always as identity primary key,
  purpose      text not null check (purpose in ('review', 'push')),
  base         text not null,                         -- commits, or whatever the caller calls the two sides
  head         text not null,
  pull_request integer,
  digest       text not null,                         -- of both sides' texts: the same question has the same digest
  actor        text not null,
  settings     jsonb not null default '[]',           -- what no customer's preview shows: cells, plans, overrides of nobody
  problems     jsonb not null default '[]',
  labels       jsonb not null default '[]',           -- of the request, where CI told them
  created_at   timestamptz not null default now(),
  completed_at timestamptz,
  withdrawn_at timestamptz,                           -- its request was closed before every preview had ended
  seen_at      timestamptz,                           -- when the whole of it was handed out first
  hash         text                                   -- of what it would do; with completed_at
);
create index plans_pull_request on clawfleet.plans (pull_request, id desc) where pull_request is not null;
create index plans_reviews on clawfleet.plans (digest, id desc) where pull_request is not null;
create index plans_head on clawfleet.plans (head);

-- One customer of a plan: previewed by a worker with `proposal` in place of the desired row.
create table clawfleet.plan_customers (
  plan_id  bigint not null references clawfleet.plans (id) on delete cascade,
  slug     text not null,
  why      jsonb not null,
  desired  text not null,                             -- hash of the proposal
  proposal jsonb,                                     -- { phase, plan, override, placement }; absent: there is nothing to preview
  current  jsonb,                                     -- { serverType, location, backups } of the server that there is
  example  text,                                      -- slug of who is previewed in its place: the same decision about the same
  result   jsonb,                                     -- { steps, diff, costBefore, costAfter, error }
  primary key (plan_id, slug)
);
create index plan_customers_waiting on clawfleet.plan_customers (plan_id) where result is null and example is null;

-- One row: the commit whose stacks/ the fleet is at.
create table clawfleet.git_state (
  id         boolean primary key default true check (id),
  commit     text not null,
  applied_at timestamptz not null
);

-- Commits of the branch as they were decided about. `basis`: where the fleet was then.
create table clawfleet.git_pushes (
  commit        text not null,
  basis         text not null,
  plan_id       bigint references clawfleet.plans (id),
  outcome       text check (outcome in ('applied', 'refused', 'withdrawn')), -- withdrawn: the branch moved past it or away from it
  detail        text,
  accepted_hash text,                                 -- a person has seen this plan and wants it
  accepted_by   text,
  decided_at    timestamptz,
  told_at       timestamptz,                          -- a refusal: when the forge had taken it
  primary key (commit, basis)
);

create table clawfleet.pull_requests (
  number     integer primary key,
  head       text not null,
  plan_id    bigint references clawfleet.plans (id),
  comment_id bigint,
  check_id   bigint,                                  -- of `check_head`
  check_head text,
  published  text,                                    -- digest of what was said last
  shown_plan_id bigint references clawfleet.plans (id), -- whose comment stands there whole, and since when by the forge's clock
  shown_at   timestamptz
);
