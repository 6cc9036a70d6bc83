/** The plan as one comment on a pull request: what is grave first, never longer than the forge takes. Pure. */
import { countLostServers, countSteps, hashPlan, type CustomerPlan, type FleetPlan } from "./plan.ts";
import { describeSetting } from "./setting-changes.ts";

/** By which our comment is found again, to be edited in place. */
export const commentMarker = "<!-- clawfleet:plan -->";
/** GitHub refuses longer bodies ("body is too long (maximum is 65536 characters)"). */
export const maxCommentLength = 65_536;
/** Left for the lines that say what was left out. */
const reserve = 400;
const maxDiff = 6_000;
const maxProblem = 1_000;
const maxProblems = 20;

/** `hindrances`: why it will not be applied as it is. */
export function renderComment(plan: FleetPlan, hindrances: readonly string[] = []): string {
  const customers = plan.customers.toSorted((a, b) => gravity(b) - gravity(a) || (a.slug < b.slug ? -1 : 1));
  const head = renderHead(plan, hindrances);
  const foot = `\n\nPlan \`${hashPlan(plan)}\` of \`${plan.head.slice(0, 12)}\` against \`${plan.base.slice(0, 12)}\`.\n`;
  let room = maxCommentLength - reserve - head.length - foot.length;

  const rows: string[] = [];
  for (const customer of customers) {
    const row = renderRow(customer);
    if (row.length > room) break;
    rows.push(row);
    room -= row.length;
  }
  const details: string[] = [];
  for (const customer of customers) {
    const text = renderDetails(customer);
    if (text.length > room) break;
    details.push(text);
    room -= text.length;
  }
  const withDetails = customers.filter(hasDiff).length;
  const shown = details.filter((text) => text !== "").length;
  const hiddenRows = customers.length - rows.length;
  return [
    head,
    ...(customers.length > 0 ? [tableHead, ...rows] : []),
    hiddenRows > 0
      ? `\n… and ${hiddenRows} more customers: \`fleet plan --format json\` has all of them.\n`
      : "",
    ...details,
    shown < withDetails ? `\n${withDetails - shown} diffs are left out for length.\n` : "",
    foot,
  ].join("");
}

const tableHead =
  "| customer | create | update | replace | delete | cost a month | why |\n| --- | --: | --: | --: | --: | --: | --- |\n";

function renderHead(plan: FleetPlan, hindrances: readonly string[]): string {
  const lost = countLostServers(plan);
  const sums = countSteps(plan.customers.flatMap(({ steps }) => steps));
  const known = plan.customers.filter((customer) => !isCostUnknown(customer));
  const cost = known.reduce((sum, one) => sum + (one.costAfter ?? 0) - (one.costBefore ?? 0), 0);
  const unknown = plan.customers.length - known.length;
  const lines = [
    commentMarker,
    "### Clawfleet plan",
    "",
    plan.customers.length === 0
      ? "No customer changes."
      : `${plan.customers.length} customers: ${sums.create} to create, ${sums.update} to update, **${sums.replace} to replace**, **${sums.delete} to delete**. Cost a month: ${signed(cost)}${unknown > 0 ? `, and of ${unknown} not known` : ""}.`,
  ];
  const unseen = plan.customers.filter(({ example }) => example !== undefined).length;
  if (unseen > 0)
    lines.push(
      "",
      `${plan.customers.length - unseen} of ${plan.customers.length} were previewed; the other ${unseen} are by the same decision: the same plan, phase and server as one of those.`,
    );
  for (const one of hindrances.slice(0, maxProblems))
    lines.push("", `🔴 **Not as it is:** ${escapeText(one).slice(0, maxProblem)}`);
  if (lost > 0) lines.push("", `🔴 **${lost} servers with their disks would be lost.**`);
  if (plan.settings.length > 0)
    lines.push("", "Settings:", ...renderList(plan.settings.map(describeSetting)));
  if (plan.problems.length > 0)
    lines.push("", "🔴 **Files that cannot be used:**", ...renderList(plan.problems));
  return `${lines.join("\n")}\n\n`;
}

function renderList(all: readonly string[]): string[] {
  const some = all.slice(0, maxProblems).map((one) => `- ${escapeText(one).slice(0, maxProblem)}`);
  const more = all.length - some.length;
  return more > 0 ? [...some, `- and ${more} more: \`fleet plan --format json\` has all of them`] : some;
}

function renderRow(customer: CustomerPlan): string {
  const { create, update, replace, delete: deleted } = countSteps(customer.steps);
  const grave = (count: number) => (count > 0 ? `**${count}**` : "0");
  const cost = isCostUnknown(customer) ? "?" : signed((customer.costAfter ?? 0) - (customer.costBefore ?? 0));
  const reasons = [...(customer.note === undefined ? [] : [customer.note]), ...customer.why];
  const why = customer.error === null ? reasons.join("; ") : `no preview: ${customer.error}`;
  const cells = [create, update, grave(replace), grave(deleted), cost, escapeCell(why).slice(0, 300)];
  return `| ${mark(customer)}${escapeCell(customer.slug)} | ${cells.join(" | ")} |\n`;
}

function isCostUnknown({ costBefore, costAfter }: CustomerPlan): boolean {
  return costBefore === null || costAfter === null;
}

function renderDetails({ slug, diff }: CustomerPlan): string {
  if (!hasDiff({ diff })) return "";
  // Long enough a fence for whatever the diff holds.
  const longest = Math.max(2, ...[...diff.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const text = diff.length > maxDiff ? `${diff.slice(0, maxDiff)}\n… cut` : diff;
  return `\n<details><summary>${escapeText(slug)}</summary>\n\n${fence}diff\n${text}\n${fence}\n\n</details>\n`;
}

function hasDiff({ diff }: Pick<CustomerPlan, "diff">): boolean {
  return diff.trim() !== "";
}

function mark(customer: CustomerPlan): string {
  if (gravity(customer) >= 2) return "🔴 ";
  return gravity(customer) === 1 ? "🟡 " : "";
}

/** Deletions above replacements above failures above changes. */
function gravity({ steps, error }: CustomerPlan): number {
  const counts = countSteps(steps);
  if (counts.delete > 0) return 4;
  if (counts.replace > 0) return 3;
  if (error !== null) return 2;
  return counts.create + counts.update > 0 ? 1 : 0;
}

function signed(amount: number): string {
  return `${amount > 0 ? "+" : ""}${amount.toFixed(2)}`;
}

function escapeCell(text: string): string {
  return escapeText(text).replaceAll("|", "\\|");
}

/** One line, and nothing in it that the forge would take for markup, a mention or our own marker. */
function escapeText(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll("[", "\\[")
    .replaceAll("://", ":\u200b//")
    .replaceAll("@", "@\u200b");
}
