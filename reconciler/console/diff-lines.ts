/** A Pulumi diff, line by line, with what each line does. Pure. */

export type DiffLine = { kind: "create" | "update" | "replace" | "delete" | "same"; text: string };

const kinds: Record<string, DiffLine["kind"]> = {
  "+": "create",
  "~": "update",
  "-": "delete",
  "+-": "replace",
  "-+": "replace",
  "++": "replace",
  "--": "delete",
};

/** One sign and a space, or two signs and what they are about; `--outputs:--` is a heading. */
const sign = /^\s*(?:([+~-]) |(\+-|-\+|\+\+|--)(?!outputs)\w)/;

function kindOf(text: string): DiffLine["kind"] {
  const [, one, two] = sign.exec(text) ?? [];
  return kinds[one ?? two ?? ""] ?? "same";
}

export function toDiffLines(diff: string): DiffLine[] {
  return diff
    .trimEnd()
    .split("\n")
    .map((text) => ({ kind: kindOf(text), text }));
}
