-- A paid order that no cell has room for is an instance without a cell: it keeps its name and its place in the line.
alter table clawfleet.instances alter column cell drop not null;
create index instances_unplaced on clawfleet.instances (created_at) where cell is null and status <> 'gone';

-- The plan as it was when the row was decided: a worker applies rows and needs no files of its own.
alter table clawfleet.instances add column plan_settings jsonb;

-- Draining is an operator's decision of the moment, so it is here and not in the cell's file.
alter table clawfleet.cells add column drained_at timestamptz;
alter table clawfleet.cells add column drained_by text;
alter table clawfleet.cells add column file_gone_at timestamptz;  -- takes no new instances until the file is back
update clawfleet.cells set drained_at = now(), drained_by = 'clawfleet:open: false' where settings -> 'open' = 'false';
update clawfleet.cells set settings = settings - 'open';

-- Processes that run converges now. A row is a sign of life, and gone with its process or soon after it.
create table clawfleet.workers (
  name       text primary key,                      -- host and process
  binding    text not null check (binding in ('all', 'public', 'cells')),
  cells      text[] not null default '{}',          -- with binding `cells`: these alone
  slots      integer not null,                      -- converges at once
  started_at timestamptz not null default now(),
  seen_at    timestamptz not null default now(),
  draining   boolean not null default false
);
