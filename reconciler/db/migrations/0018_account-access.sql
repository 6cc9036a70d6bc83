-- A customer who proves that the subscription's mailbox is theirs, for an hour, before money moves. Only hashes are kept.
create table clawfleet.account_links (
  token_hash bytea primary key,                       -- SHA-256: the token itself is in one letter and nowhere else
  order_id   text not null references clawfleet.orders (id),
  expires_at timestamptz not null
);
create table clawfleet.account_sessions (
  token_hash bytea primary key,                       -- SHA-256: the token itself is in a cookie and nowhere else
  order_id   text not null references clawfleet.orders (id),
  begun_at   timestamptz not null,
  expires_at timestamptz not null
);
create index account_links_expired on clawfleet.account_links (expires_at);
create index account_sessions_expired on clawfleet.account_sessions (expires_at);

-- The way back from a payment page whose address others may read: leads to the order once.
alter table clawfleet.orders add column return_hash bytea unique, add column return_until timestamptz;

-- As the provider says it; more than are served is an alert.
alter table clawfleet.subscriptions add column quantity integer not null default 1;

-- The address that a customer chose for themselves. One that a file in stacks/ names is stronger; null: their name.
alter table clawfleet.instances add column chosen_address text, add column chosen_at timestamptz;
create index instances_chosen_address on clawfleet.instances (chosen_address) where chosen_address is not null;
