-- What assistants answered, by day (UTC), as their machines say it; a new machine begins at none, so the most that was said counts.
create table clawfleet.message_counts (
  instance_id text not null references clawfleet.instances (id),
  day         date not null,
  messages    integer not null,
  primary key (instance_id, day)
);
create index message_counts_day on clawfleet.message_counts (day);

-- Who came to the limit of their plan in which month. Each is told once; another limit, of another plan, is told again.
create table clawfleet.message_limits_reached (
  instance_id   text not null references clawfleet.instances (id),
  month         date not null,                        -- its first day
  message_limit integer not null,
  reached_at    timestamptz not null,
  primary key (instance_id, month, message_limit)
);
