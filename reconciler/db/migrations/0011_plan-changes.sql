-- Who has which DNS label beside their name: asked with every order.
create index instances_label on clawfleet.instances ((override ->> 'address')) where override ->> 'address' is not null;

-- What an account has and what it costs, as its cloud said last: written by a process that has the tokens, read by `fleet money`.
create table clawfleet.inventories (
  account text primary key,
  read_at timestamptz not null,
  prices  jsonb not null,
  stock   jsonb not null
);
