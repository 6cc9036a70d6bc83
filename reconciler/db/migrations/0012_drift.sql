-- What scans of the clouds found that nobody asked for.

create table clawfleet.drift_scans (
  id         bigint generated always as identity primary key,
  account    text not null,
  actor      text not null,
  started_at timestamptz not null,
  ended_at   timestamptz,
  outcome    text check (outcome in ('complete', 'failed')),
  requests   integer,
  compared   integer,                                 -- stacks at rest whose state was held against the clouds
  findings   integer,
  detail     text
);
create index drift_scans_account on clawfleet.drift_scans (account, id desc);

create table clawfleet.drift_findings (
  id             bigint generated always as identity primary key,
  subject        text not null,                       -- instance id, stack of a cell, or kind:id of an object that nobody owns
  instance_id    text,
  slug           text,                                -- stack that it is about; absent for an orphan
  account        text not null,
  class          text not null,
  action         text not null check (action in ('repair', 'ask', 'ignore')),
  differences    jsonb not null,
  monthly_net    numeric(10, 4),                      -- of an orphan, in the account's currency
  first_seen     timestamptz not null,
  last_seen      timestamptz not null,
  repair_at      timestamptz,                         -- when a repair was last queued
  repair_by      text,                                -- who ordered it
  repairs        integer not null default 0,          -- queued of these very differences
  refusal        text,                                -- why these very differences are not repaired unasked
  deletion       jsonb,                               -- { actor, at, error }: of an object that somebody wants deleted
  closed_at      timestamptz
);
create unique index drift_findings_open on clawfleet.drift_findings (subject) where closed_at is null;
create index drift_findings_repairs on clawfleet.drift_findings (repair_at) where repair_at is not null;

-- By the database's clock, for whoever asks what ended since it began to look: the clocks of processes differ.
alter table clawfleet.operations add column end_recorded_at timestamptz;
alter table clawfleet.instances add column gone_recorded_at timestamptz;

-- What a stack's state says, taken out of it once each time that it is written. Holds no secret; may be emptied at any time.
create table clawfleet.drift_states (
  stack   text primary key,
  version text not null,                              -- of the state, and of the code that read it
  objects jsonb not null
);
