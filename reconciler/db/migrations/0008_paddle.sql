-- Who holds the payment page of an order: with two providers its session's id does not say whom to ask. All before were Stripe's.
alter table clawfleet.orders add column provider text not null default 'stripe';
