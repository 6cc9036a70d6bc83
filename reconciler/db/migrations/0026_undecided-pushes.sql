-- Since when a commit waits for its decision: where it was first planned from this basis, accepted, or came back to the branch.
alter table clawfleet.git_pushes add column undecided_since timestamptz not null default now();
