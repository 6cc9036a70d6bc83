-- Processes that a run's engine consisted of: [{ pid, startedAt }]. Whose lock it was is told by them.
alter table clawfleet.operations add column processes jsonb not null default '[]';
