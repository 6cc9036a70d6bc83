/** What goes on beside the storm: orders, changes and cancellations at Stripe, pull requests, another hand in the clouds. */
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serverName } from "../../components/naming.ts";
import type { Subscription } from "../sandbox/stripe/billing.ts";
import { sandboxZone } from "../sandbox/start.ts";
import type { Arena } from "./arena.ts";
import type { Drift, OverrideKind, PlanName, Work } from "./plan.ts";

/** Who was concerned and what came of it. */
export type Done = { text: string; slugs: string[] };

export type Customers = {
  perform(work: Work): Promise<Done>;
  /** Names whose cloud objects another hand changed: a person has to say so, nothing else looks for it. */
  drifted(): ReadonlySet<string>;
};

const lookupKeys: Record<PlanName, string> = {
  starter: "clawfleet-starter-monthly",
  pro: "clawfleet-pro-monthly",
};
/** More would only wait for each other on a small machine. */
const mostCustomers = 14;

export function createCustomers(arena: Arena): Customers {
  const { stripe } = arena.sandbox;
  const drifted = new Set<string>();

  /** Oldest first, so that a share picks the same one in every storm of this seed. */
  const living = (): Subscription[] =>
    stripe
      .subscriptions()
      .filter(({ status }) => status !== "canceled")
      .toReversed();

  async function perform(work: Work): Promise<Done> {
    if (work.kind === "order") return order(work.slug, work.plan);
    const all = living();
    const chosen = all[Math.floor(work.share * all.length)];
    if (!chosen) return { text: `${work.kind}: there is no customer`, slugs: [] };
    const slug = slugOf(chosen);
    return { text: `${slug}: ${await change(work, chosen, slug)}`, slugs: [slug] };
  }

  function order(slug: string, plan: PlanName): Done {
    if (living().length >= mostCustomers) return { text: "order: there are enough customers", slugs: [] };
    stripe.createPaidSubscription({
      lookupKey: lookupKeys[plan],
      email: `${slug}@example.com`,
      metadata: { slug },
    });
    return { text: `${slug}: ordered ${plan}`, slugs: [slug] };
  }

  async function change(
    work: Exclude<Work, { kind: "order" }>,
    subscription: Subscription,
    slug: string,
  ): Promise<string> {
    switch (work.kind) {
      case "cancel":
        stripe.cancelSubscription(subscription.id);
        return "cancelled";
      case "suspend":
        stripe.setStatus(subscription.id, work.status);
        return `is ${work.status}`;
      case "resume":
        stripe.setStatus(subscription.id, "active");
        return "pays again";
      case "change-plan":
        return changePlan(subscription);
      case "override":
        await writeOverride(arena.stacksDir, slug, work.what);
        return `override ${work.what}`;
      case "drift": {
        const text = await drift(arena, slug, work.what);
        if (text !== undefined) drifted.add(slug);
        return text ?? `no ${work.what}: nothing is there yet`;
      }
    }
  }

  function changePlan(subscription: Subscription): string {
    const item = subscription.items.data[0];
    const wanted: PlanName = item?.price["lookup_key"] === lookupKeys.pro ? "starter" : "pro";
    const price = stripe.price(lookupKeys[wanted]);
    if (item) item.price = price;
    stripe.billing.change(subscription, {});
    return `changed to ${wanted}`;
  }

  return { perform, drifted: () => drifted };
}

export function slugOf(subscription: Subscription): string {
  const metadata = subscription["metadata"];
  const slug = typeof metadata === "object" && metadata !== null ? Reflect.get(metadata, "slug") : undefined;
  return typeof slug === "string" ? slug : subscription.id;
}

const overrides: Record<Exclude<OverrideKind, "none">, string> = {
  plan: "  clawfleet:plan: pro\n",
  version: "  clawfleet:openclawVersion: 2026.9.7\n",
  firewall:
    "  clawfleet:extraFirewallRules:\n    - { description: storm, protocol: tcp, port: '8443', sourceIps: [192.0.2.0/24] }\n",
  location: "  clawfleet:location: hel1\n",
};

/** Appears whole or not at all, as a checkout does. */
async function writeOverride(stacksDir: string, slug: string, what: OverrideKind): Promise<void> {
  const file = join(stacksDir, `Pulumi.${slug}.yaml`);
  if (what === "none") return await rm(file, { force: true });
  const fresh = join(stacksDir, `${slug}.new`);
  await writeFile(fresh, `config:\n${overrides[what]}`);
  await rename(fresh, file);
}

/** undefined: there was nothing to change. */
async function drift(arena: Arena, slug: string, what: Drift): Promise<string | undefined> {
  const { cloudflare, hetzner } = arena.sandbox;
  const project = hetzner.project();
  const server = project.servers().find(({ name }) => name === serverName(slug));
  const firewall = project.firewalls().find(({ name }) => name === serverName(slug));
  const record = cloudflare.recordsNamed(`${slug}.${sandboxZone}`)[0];
  switch (what) {
    case "record-removed":
      if (!record) return undefined;
      cloudflare.removeRecord(record.id);
      return "somebody removed a record";
    case "record-changed":
      if (!record) return undefined;
      record.content = record.type === "A" ? "192.0.2.66" : "2001:db8::66";
      return "somebody changed a record";
    case "firewall-opened":
      if (!firewall) return undefined;
      firewall.rules = [];
      return "somebody took the firewall's rules away";
    case "firewall-gone":
      if (!firewall) return undefined;
      await project.vanish("firewall", firewall.id);
      return "somebody removed the firewall";
    case "labels-changed":
      if (!server) return undefined;
      server.labels = { ...server.labels, touched: "yes" };
      return "somebody labelled the server";
    case "server-gone":
      if (!server) return undefined;
      await project.vanish("server", server.id);
      return "somebody removed the server";
    case "detached": {
      const network = server?.privateNets.keys().next().value;
      if (!server || network === undefined) return undefined;
      await project.api("POST", `/servers/${server.id}/actions/detach_from_network`, { network });
      return "somebody detached the server from its network";
    }
  }
}
