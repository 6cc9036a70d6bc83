-- Who may operate the fleet, and what they did.

create table clawfleet.api_keys (
  id           text primary key,                      -- the part of the key that may be shown
  name         text not null,
  hash         bytea not null,                        -- SHA-256 of the whole key: it has 256 bits of its own
  scopes       text[] not null,
  created_at   timestamptz not null,
  created_by   text not null,
  expires_at   timestamptz,
  revoked_at   timestamptz,
  revoked_by   text,
  last_used_at timestamptz
);
create unique index api_keys_name on clawfleet.api_keys (name) where revoked_at is null;

-- Every request that may change something. Rows are never changed and never removed: the trigger sees to it.
create table clawfleet.audit_log (
  id         bigint generated always as identity primary key,
  at         timestamptz not null,
  actor      text not null,
  key_id     text,                                    -- absent for the key of the environment
  method     text not null,
  route      text not null,                           -- as a pattern
  path       text not null,                           -- whom it was about
  status     integer not null,
  request_id text not null
);
create index audit_log_actor on clawfleet.audit_log (actor, id desc);

create function clawfleet.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only';
end $$;
create trigger audit_log_append_only before update or delete on clawfleet.audit_log
  for each row execute function clawfleet.refuse_change();
create trigger audit_log_no_truncate before truncate on clawfleet.audit_log
  for each statement execute function clawfleet.refuse_change();

-- Answers to requests that carried an Idempotency-Key, for a day.
create table clawfleet.idempotency_keys (
  actor      text not null,
  key        text not null,
  request    text not null,                           -- hash of method, path and body
  status     integer,                                 -- absent while it is being done
  body       text,                                    -- absent too where it was a secret, which is shown once
  created_at timestamptz not null,
  primary key (actor, key)
);
create index idempotency_keys_age on clawfleet.idempotency_keys (created_at);

-- What the service leaves as it is until somebody says otherwise. `*`: everybody.
create table clawfleet.pauses (
  scope text primary key,
  actor text not null,
  since timestamptz not null
);

-- Deprovisioned with the data kept.
alter table clawfleet.interventions drop constraint interventions_phase_check;
alter table clawfleet.interventions
  add constraint interventions_phase_check check (phase in ('suspended', 'archived', 'gone'));

-- What tokens may do and how zones stand, as a process that has the account's tokens saw it last.
create table clawfleet.account_checks (
  account   text primary key,
  looked_at timestamptz not null,
  checks    jsonb not null                            -- cloud/account-check.ts
);

-- Of the code that a process runs, with its engine's.
alter table clawfleet.workers add column version text;
