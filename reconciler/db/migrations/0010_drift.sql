-- What scans of the clouds found that nobody asked for.

create table clawfleet.drift_scans (
  id         bigint generated always as identity primary key,
  started_at timestamptz not null,
  ended_at   timestamptz,
  outcome    text check (outcome in ('complete', 'failed')),
  requests   integer,
  compared   integer,                                 -- instances at rest whose state was held against the clouds
  detail     text
);

create table clawfleet.drift_findings (
  id          bigint generated always as identity primary key,
  subject     text not null,                          -- instance id, or kind:id of an object that nobody owns
  instance_id text,
  slug        text,
  account     text not null,
  class       text not null,
  differences jsonb not null,
  monthly_net numeric(10, 4),                         -- of an orphan, in the account's currency
  first_seen  timestamptz not null,
  last_seen   timestamptz not null,
  repair_at   timestamptz,                            -- when a repair was last queued
  closed_at   timestamptz
);
create unique index drift_findings_open on clawfleet.drift_findings (subject) where closed_at is null;
create index drift_findings_repairs on clawfleet.drift_findings (repair_at) where repair_at is not null;
