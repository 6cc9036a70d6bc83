-- How each instance is, read by a worker of its cell about once a minute. Apart from `instances`, whose rows are large and change seldom.
create table clawfleet.health (
  instance_id   text primary key references clawfleet.instances (id) on delete cascade,
  probe_at      timestamptz not null,                -- when it is read next; whoever takes it moves this on
  probed_at     timestamptz,                         -- end of the last reading
  attended_at   timestamptz not null default now(),  -- read, or rightly not read, last
  verdict       text not null default 'unknown' check (verdict in ('unknown', 'well', 'ill')),
  verdict_since timestamptz,
  strikes       integer not null default 0,          -- bad readings in a row since the last good one or the last step
  passes        integer not null default 0,          -- good readings in a row
  restarts      integer,                             -- times that systemd has started the gateway anew, as of the last reading
  busy_since    timestamptz,                         -- first of the busy readings in a row
  trouble       text,                                -- of the last reading; null: it was not bad
  attempt       integer not null default 0,          -- attempts to help that ended; readings of before the last one count for nothing
  begun         boolean not null default false,      -- a worker has begun the next attempt
  rung          text check (rung in ('restart', 'reboot', 'rebuild')),  -- last step that was really taken
  step_at       timestamptz,
  exhausted     boolean not null default false,      -- every step was tried: needs a person
  warnings      text[] not null default '{}',
  detail        text,                                -- of the last bad reading
  vitals        jsonb                                -- as the machine said last
);
create index health_due on clawfleet.health (probe_at);
create index health_suspected on clawfleet.health (instance_id) where strikes >= 2 or verdict = 'ill';

-- Engaged: many are ill at once, and none of them is helped. `scope`: `fleet`, or `cell.<name>`.
create table clawfleet.health_brakes (
  scope      text primary key,
  engaged_at timestamptz not null,
  suspected  integer not null,
  watched    integer not null
);

alter table clawfleet.operations drop constraint operations_kind_check;
alter table clawfleet.operations add constraint operations_kind_check
  check (kind in ('up', 'destroy', 'preview', 'refresh', 'restart', 'reboot'));

-- Asked by whoever has HTTP, answered by a worker that reaches the machine. A link lives ten minutes and works once.
create table clawfleet.sign_ins (
  id          bigint generated always as identity primary key,
  instance_id text not null references clawfleet.instances (id) on delete cascade,
  actor       text not null,
  asked_at    timestamptz not null default now(),
  taken_at    timestamptz,
  answered_at timestamptz,
  link        bytea,                                 -- sealed; gone with its row as soon as it is handed over
  problem     text
);
create index sign_ins_open on clawfleet.sign_ins (asked_at) where taken_at is null;
