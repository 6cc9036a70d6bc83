/** What an operator can order about one instance from its page; each goes the way that the API's goes. */
import type { InstanceFacts } from "../db/instance-facts.ts";
import type { FleetRow } from "../db/fleet.ts";
import type { Scope } from "../operators/api-keys.ts";
import type { AdminDeps } from "../routes/admin.ts";

export type ActionOperators = Pick<AdminDeps, "requestRun" | "deprovision" | "standing" | "takeStep">;

export const actionIds = [
  "apply",
  "refresh",
  "preview",
  "suspend",
  "resume",
  "restart",
  "reboot",
  "pause",
  "unpause",
  "rebuild",
  "archive",
  "delete",
] as const;
export type ActionId = (typeof actionIds)[number];

type Seen = { instance: FleetRow; facts: InstanceFacts };

export type Action = {
  title: string;
  /** What follows from it, for who hesitates. */
  hint: string;
  /** Said when it is ordered. */
  done: string;
  scope: Scope;
  /** Takes something away for good: the name is typed first. */
  typed?: true;
  isOffered: (seen: Seen) => boolean;
  order(operators: ActionOperators, input: { slug: string; actor: string }): Promise<void>;
};

const lives = ({ instance }: Seen) => instance.status !== "gone" && instance.phase !== "gone";
/** Of what is held or paused nothing is changed, and the API refuses it. */
const isFree = (seen: Seen) => lives(seen) && !seen.facts.held && seen.facts.pauses.length === 0;
const isArchived = ({ instance }: Seen) => instance.phase === "archived" && instance.status === "ready";
const runs = (seen: Seen) => isFree(seen) && seen.instance.cell !== null && !isArchived(seen);
const hasMachine = (seen: Seen) => runs(seen) && seen.instance.observedGeneration > 0;

export const actions: Record<ActionId, Action> = {
  apply: {
    title: "Apply now",
    hint: "Makes it match its desired row, at once and before anything that waits.",
    done: "Queued. What happens appears below.",
    scope: "operate",
    isOffered: runs,
    order: (operators, input) => operators.requestRun({ ...input, kind: "converge" }),
  },
  refresh: {
    title: "Read the clouds and repair",
    hint: "Asks the clouds what there really is first, and puts differences right.",
    done: "Queued. The clouds are read first.",
    scope: "operate",
    isOffered: runs,
    order: (operators, input) => operators.requestRun({ ...input, kind: "converge", refresh: true }),
  },
  preview: {
    title: "Preview",
    hint: "Says what an apply would change. Changes nothing.",
    done: "Queued. What an apply would change appears below.",
    scope: "operate",
    isOffered: (seen) => lives(seen) && seen.instance.cell !== null,
    order: (operators, input) => operators.requestRun({ ...input, kind: "preview" }),
  },
  suspend: {
    title: "Suspend",
    hint: "Stops the gateway and keeps the data, whatever billing says.",
    done: "It will be stopped; its data is kept.",
    scope: "operate",
    isOffered: (seen) => isFree(seen) && !isArchived(seen) && seen.facts.suspendedBy === null,
    order: (operators, input) => operators.standing.suspend(input),
  },
  resume: {
    title: "Resume",
    hint: "Takes the suspension back: what billing says counts again.",
    done: "What billing says counts again.",
    scope: "operate",
    isOffered: (seen) => isFree(seen) && seen.facts.suspendedBy !== null,
    order: (operators, input) => operators.standing.resume(input),
  },
  restart: {
    title: "Restart",
    hint: "Restarts the gateway; the assistant is away for some seconds.",
    done: "Queued. The gateway is restarted.",
    scope: "operate",
    isOffered: (seen) => hasMachine(seen) && seen.instance.phase === "running",
    order: (operators, input) => operators.takeStep({ ...input, step: "restart" }),
  },
  reboot: {
    title: "Reboot",
    hint: "Resets the server at Hetzner, or powers it on; the assistant is away for a minute or two.",
    done: "Queued. The server is rebooted.",
    scope: "operate",
    isOffered: (seen) => hasMachine(seen) && seen.instance.phase !== "archived",
    order: (operators, input) => operators.takeStep({ ...input, step: "reboot" }),
  },
  pause: {
    title: "Hold",
    hint: "Nothing of it is changed in the clouds until somebody releases it. A run under way comes to its end.",
    done: "Held: nothing of it is changed in the clouds.",
    scope: "operate",
    isOffered: (seen) => lives(seen) && seen.facts.pauses.every(({ scope }) => scope === "*"),
    order: (operators, input) => operators.standing.pause(input),
  },
  unpause: {
    title: "Release",
    hint: "Goes on with what waited meanwhile.",
    done: "Released.",
    scope: "operate",
    isOffered: (seen) => lives(seen) && seen.facts.pauses.some(({ scope }) => scope !== "*"),
    order: (operators, input) => operators.standing.unpause(input),
  },
  rebuild: {
    title: "Rebuild on a new disk",
    hint: "The server is thrown away with its disk, and a new one is made in its place. What the customer had on it is gone.",
    done: "Queued. The server is made anew.",
    scope: "delete",
    typed: true,
    isOffered: (seen) => hasMachine(seen) && seen.instance.phase !== "archived",
    order: (operators, input) => operators.takeStep({ ...input, step: "rebuild" }),
  },
  archive: {
    title: "Delete the server and keep its data",
    hint: "The server goes, whatever billing says. Its data is kept until it is resumed or deleted for good.",
    done: "Its server will be deleted; its data is kept.",
    scope: "delete",
    typed: true,
    isOffered: (seen) => isFree(seen) && seen.instance.cell !== null && seen.instance.phase !== "archived",
    order: (operators, input) => operators.deprovision({ ...input, keepData: true }),
  },
  delete: {
    title: "Delete with everything on it",
    hint: "The server, its disk, its address and its certificate go, whatever billing says. Nothing brings them back.",
    done: "It will be deleted.",
    scope: "delete",
    typed: true,
    isOffered: isFree,
    order: (operators, input) => operators.deprovision(input),
  },
};
