/** systemd unit files: the file, its drop-ins, and what of them the supervisor acts on. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

const unitFolders = ["/etc/systemd/system", "/usr/lib/systemd/system"];

export type Unit = {
  name: string;
  conditionPaths: string[];
  type: string;
  user: string | undefined;
  group: string | undefined;
  workingDirectory: string;
  environmentFiles: string[];
  environment: Record<string, string>;
  execStart: string[];
  execReload: string[];
  restart: string;
  restartSec: number;
  restartPreventExitStatus: number[];
  startLimitBurst: number;
  timeoutStopSec: number;
  umask: string;
  stateDirectory: { name: string; mode: string } | undefined;
  cacheDirectory: { name: string; mode: string } | undefined;
  wantedBy: string[];
};

/** "openclaw" means openclaw.service. */
export function toUnitName(name: string): string {
  return name.includes(".") ? name : `${name}.service`;
}

export function findUnitFile(name: string): string | undefined {
  return unitFolders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path));
}

/** @throws when there is no such unit or it has no ExecStart. */
export function loadUnit(name: string): Unit {
  const file = findUnitFile(name);
  if (file === undefined) throw new Error(`Unit ${name} not found.`);
  const entries = parseUnitText(readFileSync(file, "utf8"));
  for (const folder of unitFolders.map((one) => `${one}/${name}.d`)) {
    if (!existsSync(folder)) continue;
    for (const dropIn of readdirSync(folder).toSorted()) {
      if (dropIn.endsWith(".conf"))
        entries.push(...parseUnitText(readFileSync(`${folder}/${dropIn}`, "utf8")));
    }
  }
  return toUnit(name, entries);
}

type Entry = { section: string; key: string; value: string };

function parseUnitText(text: string): Entry[] {
  const entries: Entry[] = [];
  let section = "";
  for (const line of text.replaceAll("\\\n", " ").split("\n")) {
    const trimmed = line.trim();
    if (trimmed === "" || /^[#;]/.test(trimmed)) continue;
    const header = /^\[(.+)\]$/.exec(trimmed);
    if (header) section = header[1] ?? "";
    else {
      const [key = "", ...rest] = trimmed.split("=");
      entries.push({ section, key: key.trim(), value: rest.join("=").trim() });
    }
  }
  return entries;
}

function toUnit(name: string, entries: Entry[]): Unit {
  /** An empty assignment clears what came before. */
  const all = (key: string): string[] => {
    const values: string[] = [];
    for (const entry of entries) {
      if (entry.key !== key) continue;
      if (entry.value === "") values.length = 0;
      else values.push(entry.value);
    }
    return values;
  };
  const last = (key: string): string | undefined => all(key).at(-1);
  const folder = (key: string) => {
    const value = last(key);
    return value === undefined ? undefined : { name: value, mode: last(`${key}Mode`) ?? "0755" };
  };
  const execStart = splitWords(last("ExecStart") ?? "");
  if (execStart.length === 0) throw new Error(`Unit ${name} has a bad unit file setting.`);
  return {
    name,
    conditionPaths: all("ConditionPathExists"),
    type: last("Type") ?? "simple",
    user: last("User"),
    group: last("Group"),
    workingDirectory: last("WorkingDirectory") ?? "/",
    environmentFiles: all("EnvironmentFile"),
    environment: Object.fromEntries(all("Environment").flatMap(splitWords).map(toAssignment)),
    execStart,
    execReload: splitWords(last("ExecReload") ?? ""),
    restart: last("Restart") ?? "no",
    restartSec: Number(last("RestartSec") ?? "0.1"),
    restartPreventExitStatus: all("RestartPreventExitStatus").flatMap(splitWords).map(Number),
    startLimitBurst: Number(last("StartLimitBurst") ?? "5"),
    timeoutStopSec: Number((last("TimeoutStopSec") ?? "90").replace(/s$/, "")),
    umask: last("UMask") ?? "0022",
    stateDirectory: folder("StateDirectory"),
    cacheDirectory: folder("CacheDirectory"),
    wantedBy: all("WantedBy").flatMap(splitWords),
  };
}

function toAssignment(word: string): [string, string] {
  const at = word.indexOf("=");
  return [word.slice(0, at), word.slice(at + 1)];
}

/** Words with "double" and 'single' quotes, as systemd splits them. */
export function splitWords(line: string): string[] {
  const words = line.match(/(?:[^\s"']+|"(?:\\.|[^"\\])*"|'[^']*')+/g) ?? [];
  return words.map((word) =>
    word.replaceAll(/"((?:\\.|[^"\\])*)"|'([^']*)'/g, (_whole, double?: string, single?: string) =>
      double === undefined ? (single ?? "") : double.replaceAll(/\\(.)/g, "$1"),
    ),
  );
}

/** `EnvironmentFile=`; a leading "-" forgives a missing file. @throws when it cannot be read. */
export function readEnvironmentFile(setting: string): Record<string, string> {
  const optional = setting.startsWith("-");
  const path = optional ? setting.slice(1) : setting;
  if (optional && !existsSync(path)) return {};
  const lines = readFileSync(path, "utf8").split("\n");
  return Object.fromEntries(
    lines
      .filter((line) => line.trim() !== "" && !/^\s*[#;]/.test(line))
      .map((line) => toAssignment(line))
      .map(([name, value]) => [name.trim(), splitWords(value).join(" ")]),
  );
}
