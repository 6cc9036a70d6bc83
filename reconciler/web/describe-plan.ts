/** What a customer reads of a plan before they choose it. Pure. */
import type { Plan } from "../../infra/plans.ts";

export function describePlan({
  summary,
  messagesPerMonth: messages,
}: Pick<Plan, "summary" | "messagesPerMonth">): string {
  return messages === undefined ? summary : `${summary} ${messages.toLocaleString("en")} messages a month.`;
}
