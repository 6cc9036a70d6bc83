-- Processes that a run's engine consisted of: [{ pid, startedAt }]. Whose lock it was is told by them.
alter table clawfleet.operations add column processes jsonb not null default '[]';

-- A worker takes the jobs of cells whose account it has the tokens of; null: a version that did not say.
alter table clawfleet.workers add column accounts text[];
