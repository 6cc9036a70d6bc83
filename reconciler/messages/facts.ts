/** What a message to a customer needs beside the rows of its instance, as it is kept in the outbox. */
import { z } from "zod";

const date = z.iso.datetime();

export const factsSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("paid"), payment: z.enum(["paid", "trial", "free"]) }),
  z.object({ kind: z.literal("ready"), again: z.boolean() }),
  z.object({ kind: z.literal("failed"), again: z.boolean() }),
  z.object({ kind: z.literal("past_due"), suspendAt: date }),
  z.object({
    kind: z.literal("suspended"),
    cause: z.enum(["ended", "unpaid", "operator"]),
    /** null: nothing is deleted by itself. */
    deleteAt: date.nullable(),
  }),
  z.object({ kind: z.literal("deletion_warning"), deleteAt: date }),
  z.object({ kind: z.literal("deleted") }),
  z.object({ kind: z.literal("message_limit"), limit: z.number().int(), renewsAt: date }),
  /** The token is made when the letter is: no row ever holds it. */
  z.object({ kind: z.literal("account_link"), orderId: z.string(), expiresAt: date }),
]);

export type Facts = z.infer<typeof factsSchema>;
export type OccasionKind = Facts["kind"];

export const occasionKinds = factsSchema.options.map((option) => option.shape.kind.value);
