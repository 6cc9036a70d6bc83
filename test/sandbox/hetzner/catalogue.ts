/** What can be ordered, looked up by id or name, and how the API shows it. */
import { images, isos, locations, otherPrices, serverTypes, vatPercent } from "./catalogue-data.ts";
import { invalidField, notFound } from "./errors.ts";
import type { ImageRow, Iso, Location, ServerType } from "./model.ts";

export type Catalogue = {
  locations: Location[];
  serverTypes: ServerType[];
  /** System images, the same for every project. */
  images: ImageRow[];
  isos: Iso[];
};

/** Given lists replace the standard ones; `createCatalogue()` is what Hetzner sells in November 2026. */
export function createCatalogue(overrides: Partial<Catalogue> = {}): Catalogue {
  return structuredClone({ locations, serverTypes, images, isos, ...overrides });
}

type Named = { id: number; name: string };

/** `wanted` is an id, an id as text, or a name. */
export function findNamed<T extends Named>(list: readonly T[], wanted: number | string): T | undefined {
  if (typeof wanted === "number" || /^\d+$/.test(wanted))
    return list.find((each) => each.id === Number(wanted));
  return list.find((each) => each.name === wanted);
}

export function requireServerType(catalogue: Catalogue, wanted: number | string): ServerType {
  const type = findNamed(catalogue.serverTypes, wanted);
  if (type === undefined) throw notFound("server_type", wanted);
  return type;
}

export function requireLocation(catalogue: Catalogue, wanted: number | string): Location {
  const location = findNamed(catalogue.locations, wanted);
  if (location === undefined) throw notFound("location", wanted);
  return location;
}

/** Where the type is sold at all; 422 as the API says it for CX types outside Europe. */
export function requireOffer(type: ServerType, location: Location): ServerType["locations"][number] {
  const offer = type.locations.find((each) => each.name === location.name);
  if (offer === undefined) throw invalidField("location", "unsupported location for server type");
  return offer;
}

export type PriceView = { net: string; gross: string };

/** Ten decimals net and sixteen gross, as the API writes them; gross with the VAT of the project's owner. */
export function toPriceView(net: number): PriceView {
  return { net: net.toFixed(10), gross: `${((net * (100 + vatPercent)) / 100).toFixed(10)}000000` };
}

function toHourly(monthlyNet: number): PriceView {
  return toPriceView(Math.round((monthlyNet / otherPrices.hoursPerMonth) * 10_000) / 10_000);
}

function toServerPrices(type: ServerType): object[] {
  return type.locations.map((offer) => ({
    location: offer.name,
    price_hourly: toHourly(offer.monthlyNet),
    price_monthly: toPriceView(offer.monthlyNet),
    included_traffic: otherPrices.includedTrafficBytes,
    price_per_tb_traffic: toPriceView(otherPrices.trafficTb),
  }));
}

/** Announced and gone three months later. */
export function toDeprecation(
  announced: Date | undefined,
): { announced: string; unavailable_after: string } | null {
  if (announced === undefined) return null;
  const after = new Date(announced);
  after.setUTCMonth(after.getUTCMonth() + 3);
  return { announced: announced.toISOString(), unavailable_after: after.toISOString() };
}

/** Views of types are the same for every server that has one: made once. */
const typeViews = new WeakMap<ServerType, object>();

export function toServerTypeView(type: ServerType, catalogue: Catalogue): object {
  const known = typeViews.get(type);
  if (known) return known;
  const deprecation = toDeprecation(
    type.deprecatedAt === undefined ? undefined : new Date(type.deprecatedAt),
  );
  const view = {
    id: type.id,
    name: type.name,
    description: type.name.toUpperCase(),
    category: type.category,
    cores: type.cores,
    memory: type.memoryGb,
    disk: type.diskGb,
    deprecated: deprecation !== null,
    deprecation,
    prices: toServerPrices(type),
    storage_type: "local",
    cpu_type: type.cpu,
    architecture: type.architecture,
    locations: type.locations.map((offer) => ({
      id: findNamed(catalogue.locations, offer.name)?.id ?? 1,
      name: offer.name,
      deprecation,
      recommended: offer.available,
      available: offer.available,
    })),
  };
  typeViews.set(type, view);
  return view;
}

/** A changed offer (`available`, a price) must show: call after editing a type in place. */
export function forgetServerTypeView(type: ServerType): void {
  typeViews.delete(type);
}

export function toIsoView(iso: Iso): object {
  return {
    id: iso.id,
    name: iso.name,
    description: iso.description,
    type: "public",
    deprecation: null,
    architecture: iso.architecture,
  };
}

export function toPricingView(catalogue: Catalogue): object {
  const everywhere = catalogue.locations.map((location) => location.name);
  const monthly = (net: number): object[] =>
    everywhere.map((location) => ({ location, price_monthly: toPriceView(net) }));
  const hourlyAndMonthly = (net: number): object[] =>
    everywhere.map((location) => ({
      location,
      price_hourly: toHourly(net),
      price_monthly: toPriceView(net),
    }));
  return {
    currency: "EUR",
    vat_rate: vatPercent.toFixed(6),
    primary_ips: [
      { type: "ipv4", prices: hourlyAndMonthly(otherPrices.primaryIpv4Monthly) },
      { type: "ipv6", prices: hourlyAndMonthly(0) },
    ],
    floating_ip: { price_monthly: toPriceView(otherPrices.floatingIpv4Monthly) },
    floating_ips: [
      { type: "ipv4", prices: monthly(otherPrices.floatingIpv4Monthly) },
      { type: "ipv6", prices: monthly(otherPrices.floatingIpv6Monthly) },
    ],
    image: { price_per_gb_month: toPriceView(otherPrices.imageGbMonth) },
    volume: { price_per_gb_month: toPriceView(otherPrices.volumeGbMonth) },
    server_backup: { percentage: otherPrices.backupPercent.toFixed(6) },
    server_types: catalogue.serverTypes.map((type) => ({
      id: type.id,
      name: type.name,
      prices: toServerPrices(type),
    })),
    load_balancer_types: [],
  };
}
