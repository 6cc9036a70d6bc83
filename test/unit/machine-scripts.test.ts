/**
 * Proves with a real shell when the watchdog kills the gateway and when it leaves it alone, and which units a restart touches. What
 * systemctl and curl say is given by stand-ins in PATH; `make lab` runs both under a real systemd.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { firstBootFiles } from "../../cloud-init/files.ts";
import { restartCommands } from "../../cloud-init/restart-commands.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "watchdog-"));
  mkdirSync(join(folder, "bin"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Each call of systemctl is a line of `calls`. */
function standIn(name: string, script: string): void {
  writeFileSync(join(folder, "bin", name), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
}
const calls = () => {
  const file = join(folder, "calls");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
};
/** No socket as standard input: bash takes that for rshd, and reads somebody's .bashrc. */
const surroundings = (): {
  env: Record<string, string>;
  stdio: ["ignore", "pipe", "pipe"];
  encoding: "utf8";
} => ({
  env: { PATH: `${join(folder, "bin")}:${process.env["PATH"]}` },
  stdio: ["ignore", "pipe", "pipe"],
  encoding: "utf8",
});

type Gateway = { active: boolean; upSeconds: number; answer: string };

/** Once, as its timer does. Answers how often it has killed the gateway so far. */
function watch({ active, upSeconds, answer }: Gateway): number {
  const since = Math.round((uptime() - upSeconds) * 1e6);
  standIn(
    "systemctl",
    `case "$1" in
      is-active) exit ${active ? 0 : 3} ;;
      show) echo ${since} ;;
      kill) echo "$*" >>${join(folder, "calls")} ;;
    esac`,
  );
  standIn("curl", answer === "" ? "exit 28" : `echo '${answer}'`);
  const script = firstBootFiles.watchdog.replaceAll("/run/", `${folder}/`);
  execFileSync("bash", ["-c", script], surroundings());
  return calls().filter((line) => line === "kill --signal=SIGKILL openclaw.service").length;
}

const deaf: Gateway = { active: true, upSeconds: 600, answer: "" };
const well: Gateway = { active: true, upSeconds: 600, answer: '{"ok":true}' };
const watchTimes = (gateway: Gateway, times: number) =>
  Array.from({ length: times }, () => watch(gateway)).at(-1);

test("a deaf one is killed at the third miss, and not before", () => {
  expect([watch(deaf), watch(deaf), watch(deaf), watch(deaf)]).toEqual([0, 0, 1, 1]);
});

test("a page in place of an answer is a miss", () => {
  expect(watchTimes({ ...deaf, answer: "<html>" }, 3)).toBe(1);
});

test.each<[string, Gateway]>([
  ["an answer", well],
  ["a start", { ...deaf, upSeconds: 30 }],
  ["its end", { ...deaf, active: false }],
])("%s in between begins the count anew", (_what, between) => {
  watchTimes(deaf, 2);
  watch(between);
  expect(watchTimes(deaf, 2)).toBe(0);
});

test("what three kills did not help is left to the reconciler, until it answers again", () => {
  expect(watchTimes(deaf, 12)).toBe(3);
  watch({ ...deaf, upSeconds: 30 });
  expect(watchTimes(deaf, 3)).toBe(3);
  watch(well);
  expect(watchTimes(deaf, 3)).toBe(4);
});

test.each([
  ["everything", ["openclaw.service", "caddy.service"]],
  ["proxy", ["caddy.service"]],
] as const)("a restart of %s touches nothing else", (what, units) => {
  standIn("systemctl", `echo "$*" >>${join(folder, "calls")}`);
  const { status } = spawnSync("bash", ["-c", restartCommands[what]], surroundings());
  expect(status).toBe(0);
  expect(calls()).toEqual(
    units.flatMap((unit) => [`kill --signal=SIGKILL ${unit}`, `reset-failed ${unit}`, `restart ${unit}`]),
  );
});

test("a unit that cannot start keeps no other from it, and is named", () => {
  standIn("systemctl", `echo "$*" >>${join(folder, "calls")}; [ "$*" != "restart openclaw.service" ]`);
  const { status, stderr } = spawnSync("bash", ["-c", restartCommands.everything], surroundings());
  expect({ status, stderr }).toEqual({ status: 1, stderr: "not restarted: openclaw.service\n" });
  expect(calls()).toContain("restart caddy.service");
});
