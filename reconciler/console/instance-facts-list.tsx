/** What is known of an instance, beside its page. */
import type { Child } from "hono/jsx";
import { describeHealth } from "../cli/health.ts";
import type { FleetRow } from "../db/fleet.ts";
import type { InstanceFacts } from "../db/instance-facts.ts";
import { Ago, Facts } from "./parts.tsx";

export function InstanceFactsList({
  instance,
  facts,
  now,
}: {
  instance: FleetRow;
  facts: InstanceFacts;
  now: Date;
}) {
  const { url, cell, generation, observedGeneration } = instance;
  const rows: [string, Child][] = [
    ["Address", url === null ? "none yet" : <a href={url}>{url.replace(/^https:\/\//, "")}</a>],
    [
      "Phase",
      <>
        {instance.phase}: {facts.phaseReason}, <Ago at={facts.phaseSince} now={now} />
      </>,
    ],
    ...(facts.nextChangeAt === null
      ? []
      : [["Changes", <Ago at={facts.nextChangeAt} now={now} />] satisfies [string, Child]]),
    [
      "Generation",
      generation === observedGeneration
        ? `${generation}, as desired`
        : `${observedGeneration} of ${generation}: behind its desired row`,
    ],
    ...describeHealth(instance.health, now).map(([name, text]): [string, Child] => [capitalize(name), text]),
    ["Plan", instance.plan],
    ["Server", describeServer(instance)],
    ...(facts.snapshotId === null
      ? []
      : [["Snapshot", <code>{facts.snapshotId}</code>] satisfies [string, Child]]),
    ["Cell", cell === null ? "none has room yet" : `${cell}, account ${facts.account ?? "?"}`],
    ["Customer", instance.email ?? facts.customerId],
    ["Billing", `${instance.provider} ${facts.subscriptionId}`],
    ["Made", <Ago at={instance.createdAt} now={now} />],
    ["Id", <code>{instance.id}</code>],
  ];
  return (
    <section id="facts" data-live="" aria-labelledby="facts-title">
      <h2 id="facts-title">Facts</h2>
      <Facts facts={rows} />
    </section>
  );
}

function describeServer({ phase, status, serverType, location }: FleetRow): string {
  const place = `${serverType} in ${location}`;
  return phase === "archived" && status === "ready" ? `none; ${place} when it comes back` : place;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
