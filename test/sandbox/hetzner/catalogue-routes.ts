/** Read-only collections: locations, server types, ISOs, prices, and the removed data centers. */
import { toIsoView, toPricingView, toServerTypeView, type Catalogue } from "./catalogue.ts";
import { notFound, removedEndpoint } from "./errors.ts";
import { paginate } from "./paging.ts";
import type { Answer, Call, Route } from "./world.ts";

type Named = { id: number; name: string };

export const catalogueRoutes: Route[] = [
  ...collection("locations", "location", (catalogue) => catalogue.locations.map((each) => [each, each])),
  ...collection("server_types", "server_type", (catalogue) =>
    catalogue.serverTypes.map((each) => [each, toServerTypeView(each, catalogue)]),
  ),
  ...collection("isos", "iso", (catalogue) => catalogue.isos.map((each) => [each, toIsoView(each)])),
  {
    method: "GET",
    path: "/pricing",
    handle: (call) => ({ status: 200, body: { pricing: toPricingView(call.world.catalogue) } }),
  },
  { method: "GET", path: "/datacenters", handle: refuseDataCenters },
  { method: "GET", path: "/datacenters/:id", handle: refuseDataCenters },
];

/** `read` pairs each object with how it is shown. */
function collection(path: string, thing: string, read: (catalogue: Catalogue) => [Named, object][]): Route[] {
  return [
    {
      method: "GET",
      path: `/${path}`,
      handle: (call) => {
        const name = call.query.get("name");
        const kept = read(call.world.catalogue).filter(([each]) => name === null || each.name === name);
        return paginate(call, path, sortNamed(kept, call), ([, view]) => view);
      },
    },
    {
      method: "GET",
      path: `/${path}/:id`,
      handle: (call) => {
        const id = call.params["id"] ?? "";
        const found = read(call.world.catalogue).find(([each]) => String(each.id) === id);
        if (found === undefined) throw notFound(thing, id);
        return { status: 200, body: { [thing]: found[1] } };
      },
    },
  ];
}

function sortNamed(pairs: [Named, object][], call: Call): [Named, object][] {
  const [field = "id", direction] = (call.query.get("sort") ?? "id").split(":");
  const sign = direction === "desc" ? -1 : 1;
  return pairs.toSorted(([a], [b]) => sign * (field === "name" ? a.name.localeCompare(b.name) : a.id - b.id));
}

/** Since 2026-10-01; the API names the announcement. */
function refuseDataCenters(): Answer {
  throw removedEndpoint("https://docs.hetzner.cloud/changelog#2026-06-02-datacenters-deprecated");
}
