-- Who has which DNS label beside their name: asked with every order.
create index instances_label on clawfleet.instances ((override ->> 'address')) where override ->> 'address' is not null;
