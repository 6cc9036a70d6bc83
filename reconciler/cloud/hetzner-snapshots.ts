/** Snapshots of servers at Hetzner, and the power switch that a good one needs. Answers are certain or errors. */
import { z } from "zod";
import { instanceSelector } from "../../components/naming.ts";
import { ClawfleetError } from "../errors.ts";
import { listObjects } from "./hetzner-pages.ts";
import type { CloudHttp } from "./http.ts";

export type Snapshot = {
  id: string;
  /** `creating`: nothing can be made from it yet. */
  status: "creating" | "available" | "unavailable";
  createdAt: Date;
  labels: Record<string, string>;
  /** A server made from it needs at least such a disk, and this processor. */
  diskGb: number;
  architecture: "x86" | "arm";
};

export type Snapshots = {
  findSnapshots(instanceId: string): Promise<Snapshot[]>;
  /** Asks for one; it is `creating` for a while. */
  takeSnapshot(
    serverId: number,
    wish: { description: string; labels: Record<string, string> },
  ): Promise<Snapshot>;
  /** Absent is fine. */
  deleteSnapshot(id: string): Promise<void>;
  /** undefined: there is no such server. */
  readPower(serverId: number): Promise<"off" | "running" | "changing" | undefined>;
  /** ACPI: the machine stops its services and switches itself off, sooner or later. */
  shutDown(serverId: number): Promise<void>;
  /** A power cut. */
  cutPower(serverId: number): Promise<void>;
};

const imageSchema = z
  .object({
    id: z.number(),
    status: z.enum(["creating", "available", "unavailable"]),
    created: z.coerce.date(),
    labels: z.record(z.string(), z.string()).default({}),
    disk_size: z.number(),
    architecture: z.enum(["x86", "arm"]),
  })
  .transform(({ id, created, disk_size, ...rest }) => ({
    id: String(id),
    createdAt: created,
    diskGb: disk_size,
    ...rest,
  }));
const serverSchema = z.object({ server: z.object({ status: z.string() }) });

export function createSnapshots(http: CloudHttp): Snapshots {
  const power = async (serverId: number, action: string) => {
    await http.request({
      method: "POST",
      path: `/servers/${serverId}/actions/${action}`,
      schema: z.unknown(),
    });
  };
  return {
    findSnapshots: (instanceId) =>
      listObjects(http, "images", imageSchema, {
        type: "snapshot",
        label_selector: instanceSelector(instanceId),
      }),
    async takeSnapshot(serverId, wish) {
      const answer = await http.request({
        method: "POST",
        path: `/servers/${serverId}/actions/create_image`,
        body: { type: "snapshot", ...wish },
        schema: z.object({ image: imageSchema }),
      });
      if (answer) return answer.image;
      throw new ClawfleetError({
        code: "cloud_unavailable",
        message: `hetzner: the server ${serverId} vanished before its snapshot was taken`,
        retry: { kind: "retryable" },
      });
    },
    async deleteSnapshot(id) {
      await http.request({ method: "DELETE", path: `/images/${id}`, schema: z.unknown() });
    },
    async readPower(serverId) {
      const answer = await http.request({
        method: "GET",
        path: `/servers/${serverId}`,
        schema: serverSchema,
      });
      const status = answer?.server.status;
      return status === undefined || status === "off" || status === "running" ? status : "changing";
    },
    shutDown: (serverId) => power(serverId, "shutdown"),
    cutPower: (serverId) => power(serverId, "poweroff"),
  };
}
