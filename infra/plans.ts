/** The schemas of what customers may buy: `stacks/plans.yaml`. Pure. */
import { z } from "zod";
import { locationSchema, planIdSchema, serverTypeSchema } from "./config.ts";

/** OpenClaw reads no more into its prompt (source: its documentation, "Agent workspace"). */
const workspaceLimits = { file: 20_000, all: 60_000 } as const;
const workspacePath = /^(?:[A-Za-z0-9][\w.-]*\/){0,4}[A-Za-z0-9][\w.-]*$/;

const workspaceSchema = z
  .record(
    z.string().max(200).regex(workspacePath, "a path such as skills/invoices/SKILL.md"),
    z.string().max(workspaceLimits.file),
  )
  .refine(
    (files) => Object.values(files).reduce((sum, text) => sum + text.length, 0) <= workspaceLimits.all,
    `at most ${workspaceLimits.all} characters in all files together`,
  );

const planShape = z.strictObject({
  name: z.string().min(1).max(60),
  summary: z.string().min(1).max(300),
  /** Lookup key of the Stripe price; a price is a plan's when its lookup key is this. This or `paddlePriceId` must be there. */
  stripeLookupKey: z.string().min(1).max(200).optional(),
  /** Id of the Paddle price. With both keys Stripe sells the plan, and customers of either are served. */
  paddlePriceId: z
    .string()
    .regex(/^pri_[a-z0-9]{26}$/, "a Paddle price id such as pri_01gsz8x8sawmvhz1pv30nge1ke")
    .optional(),
  /** Paid once instead of by period ("lifetime"). Sold by Paddle alone. */
  oneTime: z.boolean().optional(),
  /** Only with `oneTime`: days after the payment at which it ends, as a subscription does. Default: it does not end. */
  fairUseDays: z.number().int().min(1).max(36_500).optional(),
  /** First is wanted, the rest are fallbacks in order when Hetzner has no capacity. */
  serverTypes: z.array(serverTypeSchema).min(1).max(6),
  /** Whoever upgrades to this plan gets its larger disk too, and can never again come down to a type with a smaller one. */
  growDisk: z.boolean().default(false),
  /** Tried in order, all of them for one server type before the next type. */
  locations: z.array(locationSchema).min(1),
  /** Hetzner's daily backups, +20 % of the server's price. Changes in place. */
  backups: z.boolean().default(false),
  /** Delete and rebuild protection at Hetzner; lifted by Clawfleet itself before it deletes. Changes in place. */
  protection: z.boolean().default(true),
  /** Memory limit of the gateway's unit, MB. 2048 is OpenClaw's measured floor. Changes in place. */
  gatewayMemoryMb: z.number().int().min(2048).max(65_536).default(2048),
  /** Most processes and threads of the gateway and what its agent starts; it needs about 50 itself. Changes in place. */
  gatewayTasks: z.number().int().min(256).max(8192).default(512),
  /**
   * Messages that the customer is sold for a calendar month (UTC). At the limit the customer and the operators are told, once;
   * nothing is stopped. Absent: no limit.
   */
  messagesPerMonth: z.number().int().min(1).max(10_000_000).optional(),
  /** Model that answers, as OpenClaw names it. Changes in place. */
  model: z.string().min(1).default("anthropic/claude-sonnet-4-6"),
  /** Takes shell and file tools away from the agent. Changes in place. */
  denyRuntimeTools: z.boolean().default(false),
  /**
   * Files of a new workspace by path: AGENTS.md, SOUL.md, USER.md, MEMORY.md, `skills/<name>/SKILL.md`. A change reaches those
   * who have not changed theirs; what a customer changed or deleted stays so. Without AGENTS.md OpenClaw writes its own. In place.
   */
  workspace: workspaceSchema.default({}),
  /** What may be done to a server that stays ill after a restart and a reboot. */
  healing: z
    .strictObject({
      /** REPLACES the server and its disk: what the customer wrote since the last backup is lost. */
      rebuild: z.boolean().default(false),
    })
    .default({ rebuild: false }),
  trialDays: z.number().int().min(0).max(90).default(0),
  grace: z
    .strictObject({
      /** Days that a past-due subscription keeps running. */
      pastDueDays: z.number().min(0).max(60).default(7),
      /** Days after the end at which the server is replaced by a snapshot of it. Not before `deleteAfterDays`: never. */
      archiveAfterDays: z.number().min(0).max(365).default(7),
      /** Days between the end of the entitlement and the deletion of everything. */
      deleteAfterDays: z.number().min(0).max(365).default(30),
    })
    .default({ pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 }),
  /** Offered on the sign-up page. */
  offered: z.boolean().default(true),
});
export type Plan = z.infer<typeof planShape>;
export type Plans = Record<string, Plan>;

type PlanRule = { path: keyof Plan; message: string; holds: (plan: Plan) => boolean };

/** What the keys of a plan mean for each other. */
const planRules: readonly PlanRule[] = [
  {
    path: "stripeLookupKey",
    message: "missing: this or paddlePriceId says what the plan costs",
    holds: (plan) => plan.stripeLookupKey !== undefined || plan.paddlePriceId !== undefined,
  },
  {
    path: "stripeLookupKey",
    message: "not with oneTime: of Stripe only subscriptions are read",
    holds: (plan) => plan.oneTime !== true || plan.stripeLookupKey === undefined,
  },
  {
    path: "oneTime",
    message: "needs paddlePriceId: Paddle sells what is paid once",
    holds: (plan) => plan.oneTime !== true || plan.paddlePriceId !== undefined,
  },
  {
    path: "trialDays",
    message: "not with oneTime: what is paid once has no trial",
    holds: (plan) => plan.oneTime !== true || !(plan.trialDays > 0),
  },
  {
    path: "fairUseDays",
    message: "only with oneTime: true",
    holds: (plan) => plan.oneTime === true || plan.fairUseDays === undefined,
  },
];

/** What a customer may buy. `stacks/plans.yaml` holds a map from plan id to this. */
export const planSchema = planRules.reduce(
  (schema, { path, message, holds }) =>
    // Also beside other mistakes: a person sees all of them at once.
    schema.refine(holds, {
      path: [path],
      message,
      when: ({ value }) => typeof value === "object" && value !== null,
    }),
  planShape,
);

export const plansSchema = z
  .record(planIdSchema, planSchema)
  .refine((plans) => Object.keys(plans).length > 0, {
    message: "at least one plan",
  })
  .superRefine((plans, context) => {
    for (const key of ["stripeLookupKey", "paddlePriceId"] as const) {
      const owners = new Map<string, string>();
      for (const [id, plan] of Object.entries(plans)) {
        const price = plan[key];
        if (price === undefined) continue;
        const owner = owners.get(price);
        if (owner === undefined) owners.set(price, id);
        else
          context.addIssue({ code: "custom", path: [id, key], message: `the plan ${owner} has this price` });
      }
    }
  });
