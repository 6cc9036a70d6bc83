/** A fleet of rows for the console: customers in every state, none of them with anything in a cloud. */
import type { Query } from "../../reconciler/db/database.ts";

/** Of a hundred: 1 parked, 3 waiting, 2 converging, 1 pending, 3 suspended, 1 ill; the rest is well. Cell `lab` has to be there. */
export async function seedConsoleFleet(sql: Query, count: number): Promise<void> {
  await sql`
    insert into clawfleet.cells
    select copy.* from generate_series(1, 3) at, clawfleet.cells cell,
      jsonb_populate_record(null::clawfleet.cells, to_jsonb(cell) || jsonb_build_object('name', 'eu' || at)) copy
    where cell.name = 'lab'`;
  await sql`
    insert into clawfleet.instances (
      id, slug, provider, subscription_id, customer_id, email, cell, secrets, plan, phase, phase_reason, phase_since,
      server_type, location, desired_hash, generation, observed_generation, observed_phase, status, status_detail, failures, retry_at,
      outputs, created_at, ready_at)
    select
      'i' || lpad(at::text, 12, 'a'), name || '-' || at, 'stripe', 'sub_' || at, 'cus_' || at, name || at || '@example.org',
      'eu' || 1 + at % 3, ''::bytea, case when at % 4 = 0 then 'pro' else 'starter' end,
      case when at % 100 between 10 and 12 then 'suspended' else 'running' end,
      case when at % 100 between 10 and 12 then 'not paid' else 'paid' end, made,
      case when at % 4 = 0 then 'cx33' else 'cx23' end, (array['nbg1', 'fsn1', 'hel1'])[1 + at % 3], 'hash', 1, 1, 'running', status,
      case status
        when 'parked' then 'host key mismatch; another machine answers at this address: look at the server before anything is sent to it'
        when 'waiting' then 'no capacity at Hetzner in any type and location of the plan; it is tried again' end,
      case when status in ('parked', 'waiting') then 1 else 0 end,
      case when status = 'waiting' then now() + interval '5 minutes' end,
      jsonb_build_object('url', 'https://' || name || '-' || at || '.claws.example', 'serverId', at::text,
        'serverType', case when at % 4 = 0 then 'cx33' else 'cx23' end, 'location', (array['nbg1', 'fsn1', 'hel1'])[1 + at % 3], 'ipv4', '192.0.2.7', 'ipv6', '2001:db8::7',
        'privateIp', '10.0.0.7', 'openclawVersion', '2026.9.6', 'health', 'started 2026.9.6'), made, made + interval '4 minutes'
    from (
      select at, (array['ada', 'bo', 'cleo', 'dag', 'edith', 'finn', 'grete', 'hugo', 'ines', 'juri'])[1 + at % 10] as name,
        now() - at * interval '17 minutes' as made,
        case when at % 100 = 0 then 'parked' when at % 100 between 1 and 3 then 'waiting'
          when at % 100 between 4 and 5 then 'converging' when at % 100 = 6 then 'pending' else 'ready' end as status
      from generate_series(1, ${count}::int) at
    ) rows`;
  await sql`
    insert into clawfleet.health (instance_id, probe_at, probed_at, verdict, verdict_since, detail)
    select id, now() + interval '1 minute', now(), case when subscription_id like '%20' then 'ill' else 'well' end,
      now() - interval '2 hours', case when subscription_id like '%20' then 'it lives and does not answer' end
    from clawfleet.instances where status = 'ready' and phase = 'running'`;
  await sql`analyze clawfleet.instances`;
}

const differences = {
  dangerous: [
    { class: "dangerous", kind: "server", objectId: "4711", name: "bo-101", property: undefined },
    {
      class: "repair",
      kind: "record",
      objectId: "r1",
      name: "bo-101.claws.example",
      property: "content",
      expected: "192.0.2.7",
      seen: "198.51.100.9",
    },
  ],
  repair: [
    {
      class: "repair",
      kind: "firewall",
      objectId: "815",
      name: "cleo-502",
      property: "rules",
      expected: "in tcp 443 from Cloudflare",
      seen: "in tcp 443 from Cloudflare; in tcp 22 from 0.0.0.0/0",
    },
  ],
  leak: [{ class: "leak", kind: "server", objectId: "4712", name: "i-nobody" }],
};

/** What the pages of drift and of the queue show on a bad day. */
export async function seedTroubles(sql: Query): Promise<void> {
  const finding = (
    subject: string,
    slug: string | null,
    name: keyof typeof differences,
    action: string,
  ) => sql`
    insert into clawfleet.drift_findings
      (subject, slug, account, class, action, differences, monthly_net, first_seen, last_seen)
    values (${subject}, ${slug}, 'default', ${name}, ${action}, ${sql.json(JSON.parse(JSON.stringify(differences[name])))},
      ${name === "leak" ? 5.49 : null}, now() - interval '3 hours', now())`;
  await finding("iaaaaaaaaa101", "bo-101", "dangerous", "ask");
  await finding("iaaaaaaaaa502", "cleo-502", "repair", "repair");
  await finding("server:4712", null, "leak", "ask");
  await sql`
    insert into clawfleet.drift_scans (account, actor, started_at, ended_at, outcome, requests, compared, findings)
    values ('default', 'clock', now() - interval '5 minutes', now() - interval '4 minutes', 'complete', 212, 9612, 3)`;
  await sql`
    insert into clawfleet.rate_budgets (cloud, token_key, request_limit, period_ms, remaining, as_of, accounts, breaker)
    values ('hetzner', 'h1', 3600, 3600000, 310, now(), array['default', 'eu'], 'closed'),
      ('cloudflare', 'c1', 1200, 300000, 1111, now(), array['default'], 'open')`;
  await sql`
    insert into clawfleet.blocks (blocked_by, scope, since, probe_at, wake_after)
    values ('cloudflare', 'c1', now() - interval '10 minutes', now() + interval '40 seconds', now())`;
  await sql`
    update clawfleet.instances set blocked_by = 'cloudflare', blocked_scope = 'c1', retry_at = null,
      status_detail = 'Cloudflare does not answer'
    where status = 'waiting' and plan = 'starter'`;
  await sql`
    insert into clawfleet.workers (name, binding, cells, slots, draining, seen_at)
    values ('worker-1-812', 'all', '{}', 4, false, now() + interval '1 hour'),
      ('worker-eu1-77', 'cells', array['eu1'], 2, true, now() + interval '1 hour')`;
  await sql`insert into clawfleet.pauses (scope, actor, since) values ('dag-303', 'anna', now() - interval '1 hour')`;
}
