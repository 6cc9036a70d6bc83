-- A fleet moves to another account of a provider: the row waits for the new key, and what was read before counts for nothing.
alter table clawfleet.billing_accounts
  alter column livemode drop not null,               -- null: nobody bills by this provider until the next key is put in
  add column left_livemode boolean,                  -- of the account before: its key is not taken for the new one
  add column left_account text,
  add column epoch bigint not null default 0,        -- readings of a smaller order are of the account before
  add column moved_at timestamptz;
