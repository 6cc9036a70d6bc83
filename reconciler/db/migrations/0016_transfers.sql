-- A customer's server on its way to another place, or its files to another disk: `transfer_mark` from before the first thing is
-- done for it until the server has left or stays after all, `carrier_ip` the address in the cell's network of the passing server
-- that holds the files.
-- `misfit_plan`: the plan of which the server could not become any type; it is tried again with each converge.
alter table clawfleet.instances
  add column transfer_mark text,
  add column carrier_ip inet,
  add column misfit_plan text;
