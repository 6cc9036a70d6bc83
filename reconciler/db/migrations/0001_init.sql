-- What Clawfleet itself knows. pg-boss keeps its tables in schema pgboss, Pulumi its states in public.pulumi_state.

create table clawfleet.cells (
  name                text primary key,
  account             text not null,
  settings            jsonb not null,                 -- cellSettings as last applied
  secrets             bytea not null,                 -- sealed cellSecrets
  outputs             jsonb,                          -- cellOutputs of the last good up
  generation          bigint not null default 1,
  observed_generation bigint not null default 0,
  created_at          timestamptz not null default now()
);

-- The last reading of every subscription, whoever bills it. Levels, not edges.
create table clawfleet.subscriptions (
  provider     text not null,                         -- stripe, comped
  id           text not null,
  customer_id  text not null,
  email        text,
  slug         text,                                  -- from the metadata set at checkout
  order_id     text,                                  -- the same; absent when it was not sold by our sign-up page
  price_keys   text[] not null,                       -- of each item the lookup key, else the price id; for comped the plan id
  status       text not null,
  status_since timestamptz not null,                  -- our own clock, first reading of this status
  created_at   timestamptz not null,
  period_end   timestamptz,
  cancel_at    timestamptz,
  ended_at     timestamptz,
  read_at      timestamptz not null,
  sweep_id     bigint,                                -- last full reading that held it
  absent_since timestamptz,                           -- first full reading that did not hold it
  primary key (provider, id)
);
create index subscriptions_customer on clawfleet.subscriptions (provider, customer_id);
create index subscriptions_slug on clawfleet.subscriptions (slug);

-- Every webhook event once. No bodies: an event is a hint, the truth is read again.
create table clawfleet.billing_events (
  provider    text not null,
  id          text not null,
  type        text not null,
  object_id   text,
  customer_id text,
  ignored     text,                                   -- why nothing follows from it: mode, account, type
  received_at timestamptz not null default now(),
  handled_at  timestamptz,
  primary key (provider, id)
);

create index billing_events_open on clawfleet.billing_events (provider, customer_id) where handled_at is null;

create table clawfleet.sweeps (
  id         bigint generated always as identity primary key,
  started_at timestamptz not null default now(),
  ended_at   timestamptz,
  outcome    text,                                    -- complete, failed
  readings   integer,
  detail     text
);

create table clawfleet.instances (
  id                  text primary key,               -- i + 12 of a-z2-7; label and comment at the clouds
  slug                text not null,
  provider            text not null,
  subscription_id     text not null,
  customer_id         text not null,
  email               text,
  cell                text not null references clawfleet.cells (name),
  private_ip          inet,
  secrets             bytea not null,                 -- sealed instanceSecrets
  -- desired
  plan                text not null,
  phase               text not null check (phase in ('running', 'suspended', 'archived', 'gone')),
  phase_reason        text not null,
  phase_since         timestamptz not null default now(),
  next_change_at      timestamptz,
  override            jsonb not null default '{}',
  server_type         text not null,                  -- placement: chosen, kept until an override or a plan change says otherwise
  location            text not null,
  placement_attempt   integer not null default 0,     -- index into the plan's (type, location) list
  desired_hash        text not null,                  -- of everything that the program would apply; a change is a new generation
  generation          bigint not null default 1,
  delete_votes        integer not null default 0,     -- full readings in a row that found it without entitlement
  delete_vote_sweep   bigint,
  delete_vote_at      timestamptz,
  -- observed
  observed_generation bigint not null default 0,
  observed_phase      text check (observed_phase in ('running', 'suspended', 'archived', 'gone')),
  status              text not null default 'pending'
                      check (status in ('pending', 'converging', 'ready', 'waiting', 'parked', 'gone')),
  status_detail       text,
  failures            integer not null default 0,
  retry_at            timestamptz,
  outputs             jsonb,
  created_at          timestamptz not null default now(),
  ready_at            timestamptz,
  gone_at             timestamptz
);
create unique index instances_slug on clawfleet.instances (slug) where status <> 'gone';
create unique index instances_subscription on clawfleet.instances (provider, subscription_id) where status <> 'gone';
create unique index instances_address on clawfleet.instances (cell, private_ip) where private_ip is not null;

-- A name on its way from the sign-up page through payment to an instance.
create table clawfleet.orders (
  id                  text primary key,               -- unguessable; in the customer's progress address
  slug                text not null,
  plan                text not null,
  email               text,
  checkout_session_id text,
  checkout_url        text,
  state               text not null check (state in ('open', 'paid', 'expired')),
  created_at          timestamptz not null default now(),
  expires_at          timestamptz not null,
  credentials_shown_at timestamptz
);
create unique index orders_slug on clawfleet.orders (slug) where state = 'open';
create index orders_slug_any on clawfleet.orders (slug, created_at desc);

-- What an operator decided against what billing says; stands until it is withdrawn.
create table clawfleet.interventions (
  slug       text primary key,
  phase      text not null check (phase in ('suspended', 'gone')),
  actor      text not null,
  reason     text,
  created_at timestamptz not null default now()
);

create table clawfleet.operations (
  id          bigint generated always as identity primary key,
  stack       text not null,
  instance_id text references clawfleet.instances (id),
  kind        text not null check (kind in ('up', 'destroy', 'preview', 'refresh')),
  reason      text not null,                          -- paid, cancel, operator, pull-request, drift, resync, spare
  actor       text not null,
  generation  bigint not null,
  worker      text not null,
  started_at  timestamptz not null default now(),
  ended_at    timestamptz,
  outcome     text check (outcome in ('succeeded', 'unchanged', 'failed', 'interrupted')),
  changes     jsonb,                                  -- counts by engine operation: {"create": 9, "same": 1}
  error       jsonb                                   -- { code, message, remedy, retry }
);
create index operations_stack on clawfleet.operations (stack, id desc);
create index operations_instance on clawfleet.operations (instance_id, id desc);

create table clawfleet.operation_events (
  operation_id bigint not null references clawfleet.operations (id) on delete cascade,
  seq          integer not null,
  at           timestamptz not null default now(),
  kind         text not null,                         -- resource-started, resource-done, resource-failed, diagnostic, stage, diff, summary
  message      text not null,                         -- redacted, for a person
  data         jsonb not null default '{}',
  primary key (operation_id, seq)
);
