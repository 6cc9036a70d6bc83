-- Operators who are signed in to the console. A session belongs to an API key: it has that key's rights and ends with it.
create table clawfleet.console_sessions (
  token_hash bytea primary key,                       -- SHA-256: the token itself is in a cookie and nowhere else
  key_id     text not null references clawfleet.api_keys (id),
  begun_at   timestamptz not null,
  seen_at    timestamptz not null,
  expires_at timestamptz not null
);
create index console_sessions_expired on clawfleet.console_sessions (expires_at);
