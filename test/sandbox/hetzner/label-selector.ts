/** Labels and the label selector language of the Hetzner API: validation, parsing, matching. */

export type Labels = Record<string, string>;

export type Requirement =
  | { op: "equals"; key: string; value: string }
  | { op: "not-equals"; key: string; value: string }
  | { op: "exists"; key: string }
  | { op: "absent"; key: string }
  | { op: "in"; key: string; values: string[] }
  | { op: "not-in"; key: string; values: string[] };

const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const RESERVED_PREFIX = "hetzner.cloud";

/** Undefined when the key is allowed; official document, "Labels". */
export function problemOfKey(key: string): string | undefined {
  const slash = key.indexOf("/");
  if (!NAME.test(key.slice(slash + 1))) return `label key '${key}' is not correctly formatted`;
  if (slash < 0) return undefined;
  const prefix = key.slice(0, slash);
  const dns = prefix.length <= 253 && prefix.split(".").every((part) => DNS_LABEL.test(part));
  if (!dns) return `label key '${key}' is not correctly formatted`;
  return prefix === RESERVED_PREFIX ? `label key '${key}' uses a reserved prefix` : undefined;
}

export function problemOfValue(value: string): string | undefined {
  return value === "" || NAME.test(value) ? undefined : `label value '${value}' is not correctly formatted`;
}

/** Undefined when every key and value is allowed. */
export function problemOfLabels(labels: Labels): string | undefined {
  for (const [key, value] of Object.entries(labels)) {
    const problem = problemOfKey(key) ?? problemOfValue(value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const SET_OPERATOR = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const PAIR = /^([^\s!=]+)\s*(==|!=|=)\s*(\S*)$/;

/** Undefined when the text is no selector; an empty text selects everything. */
export function parseSelector(text: string): Requirement[] | undefined {
  if (text.trim() === "") return [];
  const requirements = splitTopLevel(text).map((part) => parseRequirement(part.trim()));
  return requirements.every((part) => part !== undefined) ? requirements : undefined;
}

/** Commas inside parentheses separate values, not requirements. */
function splitTopLevel(text: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const char of text) {
    if (char === "(") depth += 1;
    if (char === ")") depth -= 1;
    if (char === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += char;
  }
  return parts;
}

function parseRequirement(text: string): Requirement | undefined {
  const set = SET_OPERATOR.exec(text);
  if (set) return parseSet(set);
  const pair = PAIR.exec(text);
  if (pair) {
    const [, key = "", operator, value = ""] = pair;
    if (!isKey(key) || problemOfValue(value) !== undefined) return undefined;
    return { op: operator === "!=" ? "not-equals" : "equals", key, value };
  }
  const negated = text.startsWith("!");
  const key = negated ? text.slice(1).trim() : text;
  return isKey(key) ? { op: negated ? "absent" : "exists", key } : undefined;
}

function parseSet(match: RegExpExecArray): Requirement | undefined {
  const [, key = "", operator, list = ""] = match;
  const values = list.split(",").map((value) => value.trim());
  const valid = isKey(key) && values.every((value) => problemOfValue(value) === undefined);
  return valid ? { op: operator === "in" ? "in" : "not-in", key, values } : undefined;
}

/** Unlike when labelling, the reserved prefix may be asked for. */
function isKey(key: string): boolean {
  return problemOfKey(key) === undefined || key.startsWith(`${RESERVED_PREFIX}/`);
}

export function matchesSelector(labels: Labels, requirements: Requirement[]): boolean {
  return requirements.every((requirement) => meets(labels, requirement));
}

/** `!=` and `notin` also hold when the key is absent, as in the Kubernetes language that this one follows. */
function meets(labels: Labels, requirement: Requirement): boolean {
  const has = Object.hasOwn(labels, requirement.key);
  const value = has ? labels[requirement.key] : undefined;
  switch (requirement.op) {
    case "equals":
      return value === requirement.value;
    case "not-equals":
      return value !== requirement.value;
    case "exists":
      return has;
    case "absent":
      return !has;
    case "in":
      return value !== undefined && requirement.values.includes(value);
    case "not-in":
      return value === undefined || !requirement.values.includes(value);
    default:
      return assertNever(requirement);
  }
}

function assertNever(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`);
}
