/** Who may go through the gate: an unguessable part of the path for each run, which says account and urgency. */
import { randomBytes } from "node:crypto";
import type { CloudName } from "../cloud/http.ts";
import type { Reason } from "../queue/jobs.ts";

export type PassUse = { account: string; reason: Reason };

export type Pass = {
  use: PassUse;
  /** Clouds that gave a good answer to a request with this pass. */
  wellSeen: Set<CloudName>;
};

export type Passes = {
  add(use: PassUse): { secret: string; pass: Pass };
  remove(secret: string): void;
  /** undefined: nobody's. `rest` is the path with its query as the cloud is to see it. */
  find(path: string): { pass: Pass; cloud: CloudName; rest: string } | undefined;
};

const shape = /^\/([\w-]{43})\/(hetzner|cloudflare)(\/.*)$/;

export function createPasses(): Passes {
  const known = new Map<string, Pass>();
  return {
    add(use) {
      const secret = randomBytes(32).toString("base64url");
      const pass: Pass = { use, wellSeen: new Set() };
      known.set(secret, pass);
      return { secret, pass };
    },
    remove: (secret) => void known.delete(secret),
    find(path) {
      const [, secret = "", cloud, rest = ""] = shape.exec(path) ?? [];
      const pass = known.get(secret);
      if (!pass || (cloud !== "hetzner" && cloud !== "cloudflare")) return undefined;
      return { pass, cloud, rest };
    },
  };
}
