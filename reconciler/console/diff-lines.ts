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

export function toDiffLines(diff: string): DiffLine[] {
  return diff
    .trimEnd()
    .split("\n")
    .map((text) => ({ kind: kinds[/^\s*([+~-]{1,2})\s/.exec(text)?.[1] ?? ""] ?? "same", text }));
}
