-- One request budget per account and cloud, shared by every worker; and who waits for which outside system to heal.

create table clawfleet.rate_budgets (
  cloud          text not null check (cloud in ('hetzner', 'cloudflare')),
  account        text not null,                      -- as in the configuration; accounts of one token share one name
  request_limit  integer not null,                   -- of a full budget, as last learned
  period_ms      integer not null,                   -- in which an empty one becomes full, or the length of its window
  remaining      double precision not null,          -- at `as_of`, what was leased since not taken off
  as_of          timestamptz not null,
  reset_at       timestamptz,                        -- end of the window; absent where it refills steadily
  leases         jsonb not null default '{}',        -- by holder: { tokens, until }
  breaker        text not null default 'closed' check (breaker in ('closed', 'open', 'half-open')),
  breaker_until  timestamptz,                        -- end of the pause, or of the probe's time
  breaker_opened integer not null default 0,         -- pauses in a row
  bad_answers    integer not null default 0,         -- in a row
  primary key (cloud, account)
);

-- An outside system that instances wait for. A row that has healed is kept: it remembers how soon it came back.
create table clawfleet.blocks (
  blocked_by text not null,                          -- hetzner, hetzner-limit, cloudflare, cloudflare-quota, billing
  scope      text not null,                          -- the account
  since      timestamptz not null,
  relapses   integer not null default 0,
  probes     integer not null default 0,
  probe_at   timestamptz not null,                   -- when the next one of those that wait is let through to look
  wake_after timestamptz not null,                   -- a success of somebody else's heals it from then on
  healed_at  timestamptz,
  primary key (blocked_by, scope)
);

alter table clawfleet.instances
  add column blocked_by    text,
  add column blocked_scope text,                     -- account, or the cell's name
  add column blocked_at    timestamptz,
  add column retry_reason  text;                     -- most urgent reason of the work that is not done yet
create index instances_blocked on clawfleet.instances (blocked_by, blocked_scope) where blocked_by is not null;
