-- An order leads to the instance that its own payment made, whatever else bears the same name before or after.
alter table clawfleet.orders add column instance_id text references clawfleet.instances (id);

-- What an operator decided is about one customer's subscription, not about a name that others may have later.
drop table clawfleet.interventions;
create table clawfleet.interventions (
  provider        text not null,
  subscription_id text not null,
  phase           text not null check (phase in ('suspended', 'gone')),
  actor           text not null,
  reason          text,
  created_at      timestamptz not null default now(),
  primary key (provider, subscription_id)
);
