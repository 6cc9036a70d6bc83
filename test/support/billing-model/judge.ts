/** What no step may do, whatever happened before it. */
import { ownersOf, type Row, type World } from "./model.ts";
import { badness, expectPhase, truePhase } from "./oracle.ts";

export function judge(world: World, before: readonly Row[], after: readonly Row[]): void {
  const now = world.stripe.clock.now().getTime();
  const old = new Map(before.map((row) => [row.id, row]));
  for (const row of after) {
    const was = old.get(row.id)?.phase ?? "running";
    if (badness[row.phase] <= badness[was]) continue;
    const subscriptions = ownersOf(world, row.slug);
    const step = `${row.slug} from ${was} to ${row.phase}`;
    if (row.phase === "gone" && was !== "archived")
      world.wrongs.push(`${step}, without having been archived`);
    if (world.halted) world.wrongs.push(`${step} although everything was halted`);
    const read = expectPhase(subscriptions, now);
    if (read === undefined || badness[row.phase] > badness[read])
      world.wrongs.push(`${step}, and what was read says ${read}`);
    const truth = truePhase(subscriptions, now);
    if (row.phase !== "suspended" && (truth === undefined || badness[row.phase] > badness[truth]))
      world.wrongs.push(`${step}, and Stripe says ${truth}`);
  }
}
