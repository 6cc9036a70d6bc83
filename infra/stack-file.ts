/** The YAML files in `stacks/`: parsed, validated, and every mistake named with file, line and key. Pure. */
import { LineCounter, parseDocument, visit, type Document } from "yaml";
import type { z } from "zod";
import { cellSettingsSchema, overrideSchema, type CellSettings, type Override } from "./config.ts";
import { plansSchema, type Plans } from "./plans.ts";

export type StackFileProblem = { file: string; line: number; key: string; message: string };

export class StackFileError extends Error {
  readonly problems: readonly StackFileProblem[];
  constructor(problems: readonly StackFileProblem[]) {
    super(problems.map(({ file, line, key, message }) => `${file}:${line}: ${key}: ${message}`).join("\n"));
    this.name = "StackFileError";
    this.problems = problems;
  }
}

/** Keys that Pulumi itself keeps beside ours. */
const pulumiKeys: ReadonlySet<string> = new Set([
  "config",
  "encryptionsalt",
  "secretsprovider",
  "encryptedkey",
]);
const namespace = "clawfleet:";

/** `stacks/plans.yaml`. @throws StackFileError */
export function parsePlans(text: string, file: string): Plans {
  const source = parseYaml(text, file);
  return validate(plansSchema, toValue(source), source, []);
}

/** `stacks/Pulumi.<slug>.yaml`; an empty text is an empty override. @throws StackFileError */
export function parseOverride(text: string, file: string): Override {
  return parseConfigFile(overrideSchema, text, file);
}

/** `stacks/Pulumi.cell.<name>.yaml`. @throws StackFileError */
export function parseCellSettings(text: string, file: string): CellSettings {
  return parseConfigFile(cellSettingsSchema, text, file);
}

type Source = { document: Document; lines: LineCounter; file: string };

function parseYaml(text: string, file: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [error] = document.errors;
  if (error) {
    const line = lines.linePos(error.pos[0]).line;
    throw new StackFileError([{ file, line, key: "(yaml)", message: firstLine(error.message) }]);
  }
  return { document, lines, file };
}

/** @throws StackFileError for what parses and still has no value, such as an alias to nothing. */
function toValue({ document, file, lines }: Source): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    const message = error instanceof Error ? firstLine(error.message) : String(error);
    let line = 1;
    visit(document, {
      Alias: (_key, node) => {
        line = lines.linePos(node.range?.[0] ?? 0).line;
        return visit.BREAK;
      },
    });
    throw new StackFileError([{ file, line, key: "(yaml)", message }]);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && !Array.isArray(value);
}

function parseConfigFile<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  file: string,
): z.output<Schema> {
  const source = parseYaml(text, file);
  const content = toValue(source);
  if (!isMapping(content) || !isMapping(content["config"] ?? {})) {
    const [key, line] = isMapping(content) ? ["config", lineOf(source, ["config"])] : ["(file)", 1];
    throw new StackFileError([{ file, line, key, message: "must be a mapping of keys to values" }]);
  }
  const foreign = Object.keys(isRecord(content) ? content : {}).filter((key) => !pulumiKeys.has(key));
  if (foreign.length > 0) {
    const allowed = `allowed here: ${[...pulumiKeys].join(", ")}`;
    throw new StackFileError(
      foreign.map((key) => ({ file, line: lineOf(source, [key]), key, message: `unknown key; ${allowed}` })),
    );
  }
  const config = isRecord(content) && isRecord(content["config"]) ? content["config"] : {};
  const strange = Object.keys(config).filter((key) => !key.startsWith(namespace));
  if (strange.length > 0) {
    const message = `every key begins with "${namespace}"`;
    throw new StackFileError(
      strange.map((key) => ({ file, line: lineOf(source, ["config", key]), key, message })),
    );
  }
  const values = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key.slice(namespace.length), value]),
  );
  return validate(schema, values, source, ["config"], namespace);
}

function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  source: Source,
  base: readonly string[],
  prefix = "",
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new StackFileError(
    parsed.error.issues.flatMap((issue) => toProblems(issue, source, base, prefix, schema)),
  );
}

function toProblems(
  issue: z.core.$ZodIssue,
  source: Source,
  base: readonly string[],
  prefix: string,
  schema: z.ZodType,
): StackFileProblem[] {
  const at = (path: readonly PropertyKey[]): (string | number)[] => [
    ...base,
    ...path.map((part, index) =>
      index === 0 ? `${prefix}${String(part)}` : typeof part === "number" ? part : String(part),
    ),
  ];
  const problem = (path: readonly PropertyKey[], message: string): StackFileProblem => {
    const full = at(path);
    const key = full.slice(base.length).join(".") || "(file)";
    return { file: source.file, line: lineOf(source, full), key, message };
  };
  if (issue.code === "unrecognized_keys") {
    const allowed = issue.path.length === 0 ? allowedKeys(schema, prefix) : "";
    return issue.keys.map((key) => problem([...issue.path, key], `unknown key${allowed}`));
  }
  return [problem(issue.path, issue.message)];
}

function allowedKeys(schema: z.ZodType, prefix: string): string {
  const shape: unknown = Reflect.get(schema, "shape");
  if (!isRecord(shape)) return "";
  return `; allowed here: ${Object.keys(shape)
    .map((key) => `${prefix}${key}`)
    .join(", ")}`;
}

/** Line of the deepest part of the path that is in the file; 1 for an empty file. */
function lineOf(source: Source, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const range = findRange(source, path.slice(0, length));
    if (range !== undefined) return source.lines.linePos(range).line;
  }
  return 1;
}

function findRange(source: Source, path: readonly (string | number)[]): number | undefined {
  const parent: unknown =
    path.length === 1 ? source.document.contents : source.document.getIn(path.slice(0, -1), true);
  if (!isRecord(parent) || !Array.isArray(parent["items"])) return undefined;
  const last = path.at(-1);
  const item: unknown =
    typeof last === "number" ? parent["items"][last] : parent["items"].find((pair) => keyOf(pair) === last);
  const node: unknown = isRecord(item) && "key" in item ? item["key"] : item;
  const range: unknown = isRecord(node) ? node["range"] : undefined;
  return Array.isArray(range) && typeof range[0] === "number" ? range[0] : undefined;
}

function keyOf(pair: unknown): unknown {
  return isRecord(pair) && isRecord(pair["key"]) ? pair["key"]["value"] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? text;
}
