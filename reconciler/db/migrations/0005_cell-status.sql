-- How it stands with a cell, in the columns that instances have for it: what failed, until when it waits, for what.
alter table clawfleet.cells
  add column status        text not null default 'pending'
                           check (status in ('pending', 'converging', 'ready', 'waiting', 'parked')),
  add column status_detail text,
  add column failures      integer not null default 0,
  add column retry_at      timestamptz,
  add column blocked_by    text,
  add column blocked_scope text,
  add column blocked_at    timestamptz,
  add column retry_reason  text;
update clawfleet.cells set status = 'ready' where outputs is not null and observed_generation >= generation;
