/** A fabricated world for tests of the audit, in which everything is right. */
import type { CloudObject, ObjectKind, World } from "../chaos/world.ts";

export const object = (
  kind: ObjectKind,
  id: string,
  name: string,
  owner: { instance?: string; cell?: string },
  detail = "",
): CloudObject => ({ kind, id, name, instance: owner.instance, cell: owner.cell, detail });

export const ada = { instance: "iada" };
export const cell = { cell: "lab" };

/** One paying customer with everything, one who is gone, one cell. */
export function goodWorld(): World {
  return {
    customers: [
      { subscription: "sub_1", slug: "ada", status: "active", wants: "running" },
      { subscription: "sub_2", slug: "bob", status: "canceled", wants: "gone" },
    ],
    rows: [
      {
        id: "iada",
        slug: "ada",
        subscription: "sub_1",
        cell: "lab",
        phase: "running",
        status: "ready",
        detail: null,
        generation: 3,
        observedGeneration: 3,
        privateIp: "10.0.0.3",
      },
      {
        id: "ibob",
        slug: "bob",
        subscription: "sub_2",
        cell: "lab",
        phase: "gone",
        status: "gone",
        detail: null,
        generation: 5,
        observedGeneration: 5,
        privateIp: null,
      },
    ],
    cells: ["lab"],
    objects: [
      object("server", "7", "cf-ada", ada, "running"),
      object("attachment", "7-1", "cf-ada", ada, "10.0.0.3"),
      object("firewall", "8", "cf-ada", ada),
      object("record", "ra", "A ada.claws.example", ada, "127.0.0.9"),
      object("record", "raaaa", "AAAA ada.claws.example", ada, "2001:db8::1"),
      object("certificate", "0x1", "ada.claws.example", ada),
      object("network", "1", "cf-cell-lab", cell),
      object("subnet", "1-10.0.0.0/24", "cf-cell-lab", cell),
      object("ssh key", "2", "cf-cell-lab", cell),
    ],
    servers: [
      { id: "7", ipv4: "127.0.0.9", ipv6: "2001:db8::1", privateIps: ["10.0.0.3"], firewalls: ["8"] },
    ],
    states: [
      {
        stack: "ada",
        resources: [
          { kind: "server", id: "7", name: "server", dying: false },
          { kind: "attachment", id: "7-1", name: "network", dying: false },
          { kind: "firewall", id: "8", name: "firewall", dying: false },
          { kind: "record", id: "ra", name: "record-a", dying: false },
          { kind: "record", id: "raaaa", name: "record-aaaa", dying: false },
          { kind: "certificate", id: "0x1", name: "tls-certificate", dying: false },
        ],
        pendingOperations: [],
      },
      {
        stack: "cell.lab",
        resources: [
          { kind: "network", id: "1", name: "network", dying: false },
          { kind: "subnet", id: "1-10.0.0.0/24", name: "subnet", dying: false },
          { kind: "ssh key", id: "2", name: "key", dying: false },
        ],
        pendingOperations: [],
      },
    ],
    remains: [{ stack: "ada", key: "clawfleet/.pulumi/history/clawfleet/ada/ada-1.history.json" }],
    locks: [],
    jobs: [],
    openOperations: [],
    orphans: [],
    answers: new Map([["iada", "200"]]),
  };
}
