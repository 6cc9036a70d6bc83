-- What is to be said to whom, once for each occasion. The unique key is the occasion itself, so that saying it again is a
-- conflict, however many sweeps and processes notice it.
create table clawfleet.outbox (
  id          bigint generated always as identity primary key,
  channel     text not null check (channel in ('mail', 'alert_mail', 'slack', 'telegram')),
  subject     text not null,                          -- instance id; alert:<kind>:<about> for the operators'
  occasion    text not null,                          -- paid, ready, ...; alert
  period      text not null,                          -- which time of this occasion: when the status or the phase began
  recipient   text,                                   -- address at the time of writing; forgotten after the end
  facts       jsonb not null default '{}',            -- what the text needs and no row keeps
  state       text not null default 'waiting' check (state in
                ('waiting', 'claimed', 'sending', 'sent', 'uncertain', 'given_up', 'withdrawn', 'skipped')),
  due_at      timestamptz not null,
  expires_at  timestamptz,                            -- not worth saying any more from then on
  retry_at    timestamptz,                            -- put off by the other side; due_at keeps its place in the order
  attempts    integer not null default 0,
  claim       text,                                   -- of the one process that may send it now
  claim_until timestamptz,
  detail      text,                                   -- what the other side said, without addresses
  queued_at   timestamptz not null,
  finished_at timestamptz,
  unique (channel, subject, occasion, period)
);
create index outbox_open on clawfleet.outbox (due_at, id) where state in ('waiting', 'claimed', 'sending');
create index outbox_subject_open on clawfleet.outbox (subject, id) where state in ('waiting', 'claimed', 'sending');
create index outbox_held on clawfleet.outbox (claim_until) where state in ('claimed', 'sending');
create index outbox_to_forget on clawfleet.outbox (finished_at) where finished_at is not null and recipient is not null;
create index outbox_alerts on clawfleet.outbox (queued_at) where channel <> 'mail';

-- Conditions that an operator has to look at, each counted, and told at most once a window.
create table clawfleet.alerts (
  kind           text not null,
  about          text not null,                       -- slug, subscription, file; '' for the whole fleet
  message        text not null,                       -- the last one
  first_at       timestamptz not null,
  last_at        timestamptz not null,
  occurrences    bigint not null default 1,
  untold         integer not null default 1,          -- since it was told last
  told_at        timestamptz,
  window_seconds integer not null default 0,
  primary key (kind, about)
);
create index alerts_untold on clawfleet.alerts (last_at) where untold > 0;

-- Who was ready before there were messages has nothing to hear about it.
insert into clawfleet.outbox (channel, subject, occasion, period, state, due_at, queued_at, finished_at, detail)
select 'mail', id, 'ready', to_char(phase_since at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'skipped',
  now(), now(), now(), 'ready before there were messages'
from clawfleet.instances
where status <> 'gone' and observed_phase = 'running' and phase = 'running';
