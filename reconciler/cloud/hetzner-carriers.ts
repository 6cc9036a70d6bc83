/** Passing servers that carry a customer's files to another disk: made, found again by their label, deleted as any other. */
import { z } from "zod";
import { carrierSelector } from "../../components/naming.ts";
import { ClawfleetError } from "../errors.ts";
import { listObjects } from "./hetzner-pages.ts";
import type { CloudHttp } from "./http.ts";

export type Carrier = {
  id: number;
  name: string;
  /** `running`, `off` and the states in between. */
  status: string;
  labels: Record<string, string>;
  serverType: string;
  protection: { delete: boolean };
  location: string;
  primary_disk_size: number;
  ipv4: string | undefined;
  /** Its addresses in networks, by network. */
  networks: ReadonlyMap<string, string>;
};

export type CarrierOrder = {
  name: string;
  labels: Record<string, string>;
  serverType: string;
  location: string;
  /** As `clawfleet:image` of a cell has it. */
  image: string;
  sshKeyId: string;
  firewallIds: readonly number[];
  userData: string;
};

export type Carriers = {
  findCarriers(instanceId: string): Promise<Carrier[]>;
  /** Resolves when it is made and switched on. @throws ClawfleetError capacity_exhausted and what else Hetzner says */
  createCarrier(order: CarrierOrder): Promise<void>;
  attachCarrier(serverId: number, network: { id: string; ip: string }): Promise<void>;
  labelCarrier(serverId: number, labels: Record<string, string>): Promise<void>;
};

const carrierSchema = z
  .object({
    id: z.number(),
    name: z.string(),
    status: z.string(),
    labels: z.record(z.string(), z.string()),
    server_type: z.object({ name: z.string() }),
    protection: z.object({ delete: z.boolean() }),
    location: z.object({ name: z.string() }),
    primary_disk_size: z.number(),
    public_net: z.object({ ipv4: z.object({ ip: z.string() }).nullable() }),
    private_net: z.array(z.object({ network: z.number(), ip: z.string() })),
  })
  .transform(({ server_type, location, public_net, private_net, ...rest }) => ({
    ...rest,
    serverType: server_type.name,
    location: location.name,
    ipv4: public_net.ipv4?.ip,
    networks: new Map(private_net.map(({ network, ip }) => [String(network), ip])),
  }));

/** `act` resolves to the last status of the action that a request began. */
export function createCarriers(
  http: CloudHttp,
  act: (path: string, method: "POST", body: unknown) => Promise<string | undefined>,
): Carriers {
  const actOrThrow = async (what: string, path: string, body: unknown) => {
    if ((await act(path, "POST", body)) === "success") return;
    throw new ClawfleetError({
      code: "cloud_unavailable",
      message: `Hetzner did not ${what}`,
      remedy: "nothing: it is tried again",
      retry: { kind: "retryable" },
    });
  };
  return {
    findCarriers: (instanceId) =>
      listObjects(http, "servers", carrierSchema, { label_selector: carrierSelector(instanceId) }),
    createCarrier: ({ name, labels, serverType, location, image, sshKeyId, firewallIds, userData }) =>
      actOrThrow(`make ${name}`, "/servers", {
        name,
        labels,
        server_type: serverType,
        location,
        image,
        ssh_keys: [sshKeyId],
        firewalls: firewallIds.map((firewall) => ({ firewall })),
        user_data: userData,
      }),
    attachCarrier: (serverId, { id, ip }) =>
      actOrThrow(`attach server ${serverId}`, `/servers/${serverId}/actions/attach_to_network`, {
        network: Number(id),
        ip,
      }),
    async labelCarrier(serverId, labels) {
      const path = `/servers/${serverId}`;
      await http.request({ method: "PUT", path, body: { labels }, schema: z.unknown() });
    },
  };
}
