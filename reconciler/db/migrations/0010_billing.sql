-- Archived instances: the snapshot that their server is made from again, and which removal the votes are about.
alter table clawfleet.instances
  add column snapshot_id text,
  add column delete_vote_phase text check (delete_vote_phase in ('archived', 'gone'));
update clawfleet.instances set delete_vote_phase = 'gone' where delete_votes > 0;

-- Once its customer is gone for good no reading brings their address back. `trial_end` as billing has it, `trial_end_first` as it
-- was when the subscription was first read: the difference is what we gave back for our own outages.
alter table clawfleet.subscriptions
  add column forgotten_at timestamptz,
  add column trial_end timestamptz,
  add column trial_end_first timestamptz;

-- Times in which an instance that should run did not answer. `cause` is for a person.
create table clawfleet.outages (
  id          bigint generated always as identity primary key,
  instance_id text not null references clawfleet.instances (id),
  cause       text not null,
  from_at     timestamptz not null,
  to_at       timestamptz,
  check (to_at >= from_at)
);
create unique index outages_open on clawfleet.outages (instance_id) where to_at is null;
create index outages_instance on clawfleet.outages (instance_id, from_at);

-- What happened, in order, and never changed: no address, no key, no name of a person beside the one under which the assistant ran.
create table clawfleet.ledger (
  id              bigint generated always as identity primary key,
  at              timestamptz not null,
  kind            text not null check (kind in ('status', 'wanted', 'reached')),
  provider        text not null,
  subscription_id text not null,
  instance_id     text,                               -- null for `status`
  slug            text,
  value           text not null,                      -- status: the subscription's; wanted, reached: a phase
  detail          text
);
create index ledger_instance on clawfleet.ledger (instance_id, id);
create index ledger_subscription on clawfleet.ledger (provider, subscription_id, id);
create unique index ledger_status on clawfleet.ledger (provider, subscription_id, at, value) where kind = 'status';

-- One row at most: while it is there nothing is taken away from anybody.
create table clawfleet.halt (
  only_one  boolean primary key default true check (only_one),
  by_whom   text not null,
  reason    text,
  since     timestamptz not null
);

-- Which account of a provider bills this fleet, by the key that was used first: another one lists other customers.
create table clawfleet.billing_accounts (
  provider text primary key,
  livemode boolean not null,
  account  text,                                      -- null: the provider does not say
  since    timestamptz not null
);

-- Readings are told apart by when they were asked for, and no clock decides that: one that was wrong for a while would freeze rows.
create sequence clawfleet.reading_order;
alter table clawfleet.subscriptions add column read_order bigint not null default 0;

-- Assistants beside the first of one subscription: when it is read, those that are not paid for any more are found by it.
create index subscriptions_seats on clawfleet.subscriptions (provider, split_part(id, '#', 1)) where id like '%#%';

-- A full reading while it is made. Nothing of it counts before all of it is there and makes sense; a crash may lose it.
create unlogged table clawfleet.sweep_pages (
  sweep_id bigint not null,
  provider text not null,
  page     integer not null,
  ids      text[] not null,
  readings jsonb not null,
  primary key (sweep_id, provider, page)
);
