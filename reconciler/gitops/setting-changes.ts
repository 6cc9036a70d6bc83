/** What a file of `stacks/` would say instead of what it says: part of a plan's hash, so that nobody reviews a name alone. Pure. */

export const settingKinds = ["cell", "plan", "override"] as const;

export type SettingChange = {
  kind: (typeof settingKinds)[number];
  name: string;
  /** Of the whole; a changed one has at least one key. */
  what: "added" | "changed" | "removed";
  /** Values as JSON, with every default, in the order of keys; null where there is none. */
  keys: { key: string; before: string | null; after: string | null }[];
  /** Of a cell: the servers that stand there take it over, without a preview of theirs. */
  followed?: true | undefined;
};

export function compareSettings(
  kind: SettingChange["kind"],
  name: string,
  before: object | undefined,
  after: object | undefined,
): SettingChange {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  const keys = [...names]
    .toSorted()
    .map((key) => ({ key, before: showKey(before, key), after: showKey(after, key) }));
  const what = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  return { kind, name, what, keys: keys.filter((one) => one.before !== one.after) };
}

function showKey(settings: object | undefined, key: string): string | null {
  const value: unknown = settings && Reflect.get(settings, key);
  return value === undefined ? null : JSON.stringify(value, sortKeys);
}

/** For JSON.stringify: the same text for the same value, in whatever order it was written or read back. */
export function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** `cell eu1 changed: capacity 10 -> 99`, of a changed one its changed keys alone; a long value is cut. */
export function describeSetting({ kind, name, what, keys, followed }: SettingChange): string {
  const shown = keys.map(({ key, before, after }) => {
    if (what === "added") return `${key} ${cut(after)}`;
    if (what === "removed") return `${key} ${cut(before)}`;
    return `${key} ${cut(before)} -> ${cut(after)}`;
  });
  const reach = followed === true ? " (reaches every server that stands in it, one after the other)" : "";
  return `${kind} ${name} ${what}${shown.length > 0 ? `: ${shown.join("; ")}` : ""}${reach}`;
}

const longest = 120;

function cut(value: string | null): string {
  if (value === null) return "nothing";
  return value.length > longest ? `${value.slice(0, longest)}… (${value.length} characters)` : value;
}
