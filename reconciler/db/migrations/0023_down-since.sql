-- When an assistant that had been up stopped serving its customer, because its server or its files go elsewhere. null: it
-- serves; or it has not come up since `phase_since`, and that is when the wait began.
alter table clawfleet.instances add column down_since timestamptz;
