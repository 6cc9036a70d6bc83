/** The public names of an instance: its own under the cell's zone, and a domain of the customer's beside it. Pure. */
import { addressOf, instanceHost } from "./naming.ts";

/** As a person chose it; without an override an instance has its name alone. */
export type NamedInstance = {
  slug: string;
  override: { address?: string | undefined; customDomain?: string | undefined };
};

/** Every name that it answers under: its own, then the customer's domain where there is one. */
export function hostsOf(instance: NamedInstance, zone: string): string[] {
  const { customDomain } = instance.override;
  return [instanceHost(addressOf(instance), zone), ...(customDomain === undefined ? [] : [customDomain])];
}

/** The one that people are shown, in letters, on pages and in links: their own domain where they have one. */
export function shownHost(instance: NamedInstance, zone: string): string {
  return instance.override.customDomain ?? instanceHost(addressOf(instance), zone);
}

/** The zone that holds a domain; the nearest of several, as that is the one whose records are asked for. */
export function zoneOf(domain: string, zones: readonly string[]): string | undefined {
  return zones
    .filter((zone) => domain === zone || domain.endsWith(`.${zone}`))
    .toSorted((a, b) => b.length - a.length)[0];
}

/** Cloudflare's certificate for visitors is for the zone and one label below it (source: Cloudflare, Universal SSL). */
export function isCovered(domain: string, zone: string): boolean {
  return domain === zone || domain.slice(domain.indexOf(".") + 1) === zone;
}
