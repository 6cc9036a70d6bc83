/** What a person reads and types when recovery can go no further by itself. Pure. */
import { parseCellStack } from "../../components/naming.ts";
import type { Adoption } from "../../infra/runner-protocol.ts";
import { describeOwner, type Lock } from "./locks.ts";
import type { CloudObject } from "./objects.ts";

/** Hand-run Pulumi, as `infra/engine/run.ts` takes it. */
function pulumi(stack: string, ...words: readonly string[]): string {
  return `npm run pulumi -- ${words.join(" ")} --stack ${stack}`;
}

/** A cell is brought up by the service itself, an instance when it is told to. */
function applyAgain(stack: string): string {
  return parseCellStack(stack) === undefined
    ? `npm run fleet -- apply ${stack}`
    : "(the cell is tried again by itself)";
}

export function describeHeld(stack: string, locks: readonly Lock[]): string {
  return `${stack} is locked by ${locks.map(describeOwner).join(" and by ")}`;
}

export function unlockRemedy(stack: string, locks: readonly Lock[]): string {
  const looks = locks.map(({ hostname, pid }) => `on ${hostname}: ps -fp ${pid}`);
  return [
    `see whether that run is alive (${looks.join("; ")})`,
    `when it is not: ${pulumi(stack, "cancel", "--yes")}`,
    `then: ${applyAgain(stack)}`,
  ].join("; ");
}

export function foreignRemedy(stack: string, objects: readonly CloudObject[]): string {
  return `rename or delete ${objects.map((object) => object.what).join(" and ")} in the cloud's console; then: ${applyAgain(stack)}`;
}

export function adoptRemedy(stack: string, adopt: readonly Adoption[]): string {
  const imports = adopt.map(({ type, name, id, parentUrn, providerUrn }) =>
    pulumi(
      stack,
      "import",
      "--yes",
      "--protect=false",
      "--generate-code=false",
      `--parent 'parent=${parentUrn}'`,
      `--provider 'provider=${providerUrn}'`,
      `'${type}' ${name} ${id}`,
    ),
  );
  const clear = pulumi(stack, "refresh", "--yes", "--clear-pending-creates", "--run-program");
  return [...imports, clear, applyAgain(stack)].join("; ");
}

export function pendingRemedy(stack: string, urns: readonly string[]): string {
  return [
    `look in the cloud for ${urns.join(", ")} and delete what is there`,
    pulumi(stack, "refresh", "--yes", "--clear-pending-creates", "--run-program"),
    applyAgain(stack),
  ].join("; ");
}

/** Without its state a stack is new, and everything that carries its name and label is adopted. */
export function unreadableRemedy(stack: string, table: string, keys: readonly string[]): string {
  return [
    `put the right content into ${keys.join(" and ")} of ${table} from a backup, or remove it`,
    ...keys.map((key) => `psql "$DATABASE_URL" -c "delete from ${table} where key = '${key}'"`),
    `then: ${applyAgain(stack)}, which adopts what exists`,
  ].join("; ");
}
