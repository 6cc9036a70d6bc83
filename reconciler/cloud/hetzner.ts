/** Looks at Hetzner by label, and removes what carries our label and no state knows any more. Pulumi owns the rest. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { instanceSelector } from "../../components/naming.ts";
import { ClawfleetError } from "../errors.ts";
import { readPriceList, readStock, type PriceList, type Stock } from "./hetzner-inventory.ts";
import { createCarriers, type Carriers } from "./hetzner-carriers.ts";
import { createObjectFinder, type FindObjects } from "./hetzner-objects.ts";
import { listObjects } from "./hetzner-pages.ts";
import { createSnapshots, type Snapshots } from "./hetzner-snapshots.ts";
import { readServerTypes, type ServerType } from "./hetzner-types.ts";
import { createCloudHttp, type CloudHttp } from "./http.ts";

const serverSchema = z.object({
  id: z.number(),
  name: z.string(),
  /** `running`, `off` and the states in between. */
  status: z.string(),
  protection: z.object({ delete: z.boolean() }),
  location: z.object({ name: z.string() }).transform(({ name }) => name),
  /** GB; grows and never shrinks. */
  primary_disk_size: z.number(),
});
const firewallSchema = z.object({ id: z.number(), name: z.string() });
const actionSchema = z.object({ action: z.object({ id: z.number(), status: z.string() }) });

export type HetznerServer = z.infer<typeof serverSchema>;

export type Hetzner = Snapshots &
  Carriers & {
    readPriceList(): Promise<PriceList>;
    /** Every server and snapshot with our label. */
    readStock(): Promise<Stock>;
    readServerTypes(): Promise<ServerType[]>;
    findObjects: FindObjects;
    findServers(instanceId: string): Promise<HetznerServer[]>;
    /** By its id, whatever its labels are; undefined: it is gone. */
    findServer(serverId: number): Promise<HetznerServer | undefined>;
    findFirewalls(instanceId: string): Promise<{ id: number; name: string }[]>;
    /** Lifts delete and rebuild protection; nothing happens when the server is absent. */
    releaseProtection(serverId: number): Promise<void>;
    /** Resolves when the cloud has taken the order; absent is fine. */
    deleteServer(serverId: number): Promise<void>;
    deleteFirewall(firewallId: number): Promise<void>;
    deleteNetwork(networkId: number): Promise<void>;
    deleteSshKey(keyId: number): Promise<void>;
    /** A hard reset, or power where it is off; resolves when the cloud has done it. @throws ClawfleetError when it could not. */
    rebootServer(server: Pick<HetznerServer, "id" | "status">): Promise<void>;
  };

const actionPolls = 60;

export function createHetzner(deps: { baseUrl: string; token: string; fetch: typeof fetch }): Hetzner {
  const http = createCloudHttp({ cloud: "hetzner", ...deps });
  const act = async (path: string, method: "POST" | "DELETE", body?: unknown) => {
    const answer = await http.request({
      method,
      path,
      ...(body === undefined ? {} : { body }),
      schema: actionSchema.partial(),
    });
    return answer?.action ? await waitForAction(http, answer.action.id) : undefined;
  };
  return {
    ...createSnapshots(http),
    ...createCarriers(http, act),
    readPriceList: () => readPriceList(http),
    readStock: () => readStock(http),
    readServerTypes: () => readServerTypes(http),
    findObjects: createObjectFinder(http),
    async findServer(serverId) {
      const schema = z.object({ server: serverSchema });
      return (await http.request({ method: "GET", path: `/servers/${serverId}`, schema }))?.server;
    },
    findServers: (instanceId) => listObjects(http, "servers", serverSchema, ownedBy(instanceId)),
    findFirewalls: (instanceId) => listObjects(http, "firewalls", firewallSchema, ownedBy(instanceId)),
    async releaseProtection(serverId) {
      await act(`/servers/${serverId}/actions/change_protection`, "POST", { delete: false, rebuild: false });
    },
    async deleteServer(serverId) {
      await act(`/servers/${serverId}`, "DELETE");
    },
    async rebootServer({ id, status }) {
      const action = status === "off" ? "poweron" : "reset";
      if ((await act(`/servers/${id}/actions/${action}`, "POST")) === "success") return;
      throw new ClawfleetError({
        code: "cloud_unavailable",
        message: `Hetzner did not ${action} server ${id}`,
        remedy: "nothing: it is tried again",
        retry: { kind: "retryable" },
      });
    },
    async deleteFirewall(firewallId) {
      await act(`/firewalls/${firewallId}`, "DELETE");
    },
    async deleteNetwork(networkId) {
      await act(`/networks/${networkId}`, "DELETE");
    },
    async deleteSshKey(keyId) {
      await act(`/ssh_keys/${keyId}`, "DELETE");
    },
  };
}

function ownedBy(instanceId: string) {
  return { label_selector: instanceSelector(instanceId) };
}

/** Its last status; undefined: it is not known any more. */
async function waitForAction(http: CloudHttp, id: number): Promise<string | undefined> {
  for (let poll = 0; poll < actionPolls; poll += 1) {
    const answer = await http.request({ method: "GET", path: `/actions/${id}`, schema: actionSchema });
    if (answer?.action.status !== "running") return answer?.action.status;
    await sleep(Math.min(5000, 250 * (poll + 1)));
  }
  return "running";
}
