/** Names that overrides and customers ask for, addresses and domains: what cannot be had is said, and everybody keeps what they have. */
import type { Override } from "../../infra/config.ts";
import type { Query } from "../db/database.ts";
import type { AlertKind } from "../messages/alerts.ts";
import { settleDomains } from "./domains.ts";
import { addChosen, settleLabels } from "./labels.ts";
import type { StackFiles } from "./stack-files.ts";

export type Refusal = { kind: AlertKind; message: string };

export type SettledAddresses = {
  overrides: Map<string, Override>;
  /** By slug. */
  refusals: ReadonlyMap<string, Refusal[]>;
};

export async function settleAddresses(
  sql: Query,
  files: Pick<StackFiles, "overrides" | "cells">,
  rows: Parameters<typeof addChosen>[1],
): Promise<SettledAddresses> {
  const labels = await settleLabels(sql, addChosen(files.overrides, rows));
  const domains = await settleDomains(sql, labels.overrides, files.cells);
  const refusals = new Map<string, Refusal[]>();
  const add = (slug: string, one: Refusal) => void refusals.set(slug, [...(refusals.get(slug) ?? []), one]);
  for (const [slug, message] of labels.refused) add(slug, { kind: "address_taken", message });
  for (const [slug, refusal] of domains.refused) add(slug, refusal);
  return { overrides: domains.overrides, refusals };
}
