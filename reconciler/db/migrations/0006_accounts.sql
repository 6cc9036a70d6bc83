-- Processes that a run's engine consisted of: [{ pid, startedAt }]. Whose lock it was is told by them.
alter table clawfleet.operations add column processes jsonb not null default '[]';

-- A worker takes the jobs of cells whose account it has the tokens of; null: a version that did not say.
alter table clawfleet.workers add column accounts text[];

-- A budget is a token's, by a keyed hash of it: processes may know one token by different names. What was learned is learned anew.
delete from clawfleet.rate_budgets;
alter table clawfleet.rate_budgets rename column account to token_key;
alter table clawfleet.rate_budgets add column accounts text[] not null default '{}';  -- its names, for people
-- Blocks of clouds have that key for their scope. Who waited for one looks for itself, once.
delete from clawfleet.blocks where blocked_by in ('hetzner', 'hetzner-limit', 'cloudflare', 'cloudflare-quota');
update clawfleet.instances set blocked_by = null, blocked_scope = null, blocked_at = null, retry_at = now()
where blocked_by in ('hetzner', 'hetzner-limit', 'cloudflare', 'cloudflare-quota');
