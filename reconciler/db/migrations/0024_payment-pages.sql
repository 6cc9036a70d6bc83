-- Since when a payment page is being opened for who comes back: one at a time, so that the one before is closed.
alter table clawfleet.orders add column opening_at timestamptz;
