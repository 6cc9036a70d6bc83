-- Of a server that could not follow `misfit_plan`: finding out whether it can by now costs its customer nothing, so that the sweep
-- has it tried once a day. Without, a person does.
alter table clawfleet.instances add column misfit_again boolean not null default false;
