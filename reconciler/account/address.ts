/** A customer gives their assistant another address. Its name in our rows stays, and nobody else gets that. */
import { applyDesiredIn } from "../desired/apply.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import type { AccountRow } from "../db/account.ts";
import { listLabels, setChosenAddress } from "../db/labels.ts";
import { lockSlug } from "../db/orders.ts";
import { permanent } from "../errors.ts";
import { parseSlug } from "../orders/place-order.ts";

const dayMs = 86_400_000;

/** @throws input_invalid, conflict; nothing is changed then. */
export async function chooseAddress(
  deps: ApplyDeps,
  { instanceId, slug }: Pick<AccountRow, "instanceId" | "slug">,
  text: string,
): Promise<void> {
  const address = parseSlug(text.trim().toLowerCase());
  const now = deps.clock.now();
  await deps.sql.begin(async (tx) => {
    await lockSlug(tx, address);
    const owners = await listLabels(tx, [address], []);
    if (owners.some((owner) => owner.slug !== slug))
      throw permanent("conflict", `The address "${address}" is taken. Choose another one.`);
    const chosen = { instanceId, address: address === slug ? null : address, now };
    if (!(await setChosenAddress(tx, { ...chosen, since: new Date(now.getTime() - dayMs) })))
      throw permanent("conflict", "An address can be changed once a day. Please try again tomorrow.");
    await applyDesiredIn(tx, deps, { kind: "slugs", slugs: [slug], reason: "operator", actor: "customer" });
    const [row] = await tx<{ label: string }[]>`
      select coalesce(override ->> 'address', slug) as label from clawfleet.instances where id = ${instanceId}`;
    if (row?.label !== address)
      throw permanent("conflict", "Your address was set by us. Please write to us to change it.");
  });
}
