-- Who has which domain of their own: asked whenever an override asks for one, and when a cell's zones change.
create index instances_domain on clawfleet.instances ((override ->> 'customDomain')) where override ->> 'customDomain' is not null;
