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
