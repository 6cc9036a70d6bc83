/** The customer's own keys (model, channels): changed in the sealed secrets, never shown again, brought over by a converge. */
import { instanceSecretsSchema } from "../../infra/config.ts";
import { open, seal, sealContext } from "../../infra/seal.ts";
import { findInstance, lockSecrets, storeSecrets } from "../db/instances.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { refuseWhileLeftAlone } from "./left-alone.ts";
import { notFound } from "./problems.ts";

export type EnvironmentChange = {
  slug: string;
  name: string;
  /** null takes the variable away. */
  value: string | null;
  actor: string;
};

/** Names of the variables that the gateway has afterwards. @throws not_found, conflict */
export async function changeEnvironment(deps: ApplyDeps, change: EnvironmentChange): Promise<string[]> {
  return await deps.sql.begin(async (tx) => {
    const row = await findInstance(tx, change.slug);
    const sealed = row && (await lockSecrets(tx, row.id));
    if (!row || !sealed) throw notFound(change.slug);
    await refuseWhileLeftAlone(tx, row);
    const context = sealContext.instance(row.id);
    const secrets = instanceSecretsSchema.parse(open(deps.masterKey, sealed, context));
    const environment = { ...secrets.environment };
    if (change.value === null) delete environment[change.name];
    else environment[change.name] = change.value;
    await storeSecrets(tx, row.id, seal(deps.masterKey, { ...secrets, environment }, context));
    // Without a cell there is no machine yet; what it starts with is in the row.
    if (row.cell === null) return Object.keys(environment).toSorted();
    await deps.queue.enqueueConverge(tx, {
      stack: row.slug,
      instanceId: row.id,
      cell: row.cell,
      kind: "converge",
      reason: "operator",
      actor: change.actor,
    });
    return Object.keys(environment).toSorted();
  });
}
