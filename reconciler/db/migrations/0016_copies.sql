-- A customer's files on their way to a smaller disk or another processor: `copy_mark` from before the first object is made for it
-- until all of them are gone, `carrier_ip` the address in the cell's network of the passing server that holds them.
-- `misfit_plan`: the plan of which the server could not become any type; it is tried again with each converge.
alter table clawfleet.instances
  add column copy_mark text,
  add column carrier_ip inet,
  add column misfit_plan text;
