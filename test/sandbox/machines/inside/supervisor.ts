/** systemd's part: starts, watches, restarts and stops services, and answers `systemctl`. */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import type { ControlAnswer, ControlRequest } from "./control.ts";
import { createService, type Service } from "./service.ts";
import { findUnitFile, loadUnit, toUnitName } from "./units.ts";

export type Supervisor = {
  /** Names of enabled units that did not start. */
  startEnabled(): string[];
  stopAll(): Promise<void>;
  handle(request: ControlRequest): Promise<ControlAnswer>;
};

const wantsFolder = "/etc/systemd/system/multi-user.target.wants";
/** Not a process of ours: the host serves it. */
const sshUnits = new Set(["ssh.service", "sshd.service", "ssh.socket"]);
/** Timers, the journal and the packet filter: light machines have none, and scripts cannot tell. */
const absentUnits = /\.timer$|^(?:systemd-journald|nftables)\.service$/;

export function createSupervisor(options: { onSshRestart: () => void }): Supervisor {
  // A unit is what it was when it was loaded, until daemon-reload.
  const loaded = new Map<string, Service>();

  const service = (name: string): Service => {
    const known = loaded.get(name);
    if (known) return known;
    const made = createService(loadUnit(name));
    loaded.set(name, made);
    return made;
  };

  async function run(request: ControlRequest, name: string): Promise<ControlAnswer> {
    const { verb, now } = request;
    if (sshUnits.has(name)) {
      if (["restart", "try-restart", "reload", "start"].includes(verb)) options.onSshRestart();
      return { code: 0, output: verb === "is-active" ? "active\n" : "" };
    }
    if (absentUnits.test(name)) return done;
    switch (verb) {
      case "start":
        return toAnswer(name, await service(name).start());
      case "stop":
        await service(name).stop();
        return done;
      case "restart":
        return toAnswer(name, await service(name).restart());
      case "try-restart":
        return service(name).state() === "active" ? toAnswer(name, await service(name).restart()) : done;
      case "reload-or-restart": {
        const one = service(name);
        return toAnswer(name, await (one.state() === "active" ? one.reload() : one.restart()));
      }
      case "reload":
        return toAnswer(name, await service(name).reload());
      case "kill":
        return toAnswer(name, service(name).kill(request.signal ?? "SIGTERM"));
      case "show":
        return show(request.property ?? "", findUnitFile(name) === undefined ? undefined : service(name));
      case "reset-failed":
        service(name).resetFailed();
        return done;
      case "is-active": {
        const state = findUnitFile(name) === undefined ? "inactive" : service(name).state();
        return { code: state === "active" ? 0 : 3, output: `${state}\n` };
      }
      case "is-failed": {
        const state = findUnitFile(name) === undefined ? "inactive" : service(name).state();
        return { code: state === "failed" ? 0 : 1, output: `${state}\n` };
      }
      case "is-enabled": {
        const enabled = existsSync(`${wantsFolder}/${name}`);
        return { code: enabled ? 0 : 1, output: `${enabled ? "enabled" : "disabled"}\n` };
      }
      case "status":
        return { code: service(name).state() === "active" ? 0 : 3, output: service(name).describe() };
      case "enable":
        enable(name);
        return now ? toAnswer(name, await service(name).start()) : done;
      case "disable":
        rmSync(`${wantsFolder}/${name}`, { force: true });
        if (now && findUnitFile(name) !== undefined) await service(name).stop();
        return done;
      default:
        return { code: 1, output: `Unknown command verb '${verb}'.\n` };
    }
  }

  return {
    startEnabled() {
      if (!existsSync(wantsFolder)) return [];
      const names = readdirSync(wantsFolder);
      for (const name of names)
        void run({ verb: "start", units: [name], now: false }, name).catch(() => undefined);
      return names.filter((name) => findUnitFile(name) === undefined);
    },
    stopAll: async () => {
      await Promise.all([...loaded.values()].map((one) => one.stop()));
    },
    async handle(request) {
      const { verb, units } = request;
      if (verb === "daemon-reload") {
        for (const one of loaded.values()) one.reloadUnit();
        return done;
      }
      let worst = 0;
      let output = "";
      for (const name of units.map(toUnitName)) {
        const answer = await run(request, name).catch((error: unknown): ControlAnswer => ({
          code: 5,
          output: `Failed to ${verb} ${name}: ${error instanceof Error ? error.message : String(error)}\n`,
        }));
        worst = Math.max(worst, answer.code);
        output += answer.output;
      }
      return { code: worst, output };
    },
  };
}

const done: ControlAnswer = { code: 0, output: "" };

/** One property's value. */
function show(property: string, service: Service | undefined): ControlAnswer {
  switch (property) {
    case "ActiveEnterTimestampMonotonic":
      return { code: 0, output: `${service?.activeSinceMicroseconds() ?? 0}\n` };
    case "MainPID":
      return { code: 0, output: `${service?.mainPid() ?? 0}\n` };
    default:
      return { code: 1, output: `light machines do not show ${property}\n` };
  }
}

function toAnswer(name: string, problem: string | undefined): ControlAnswer {
  if (problem === undefined) return done;
  return { code: 1, output: `Job for ${name} failed: ${problem}. See "journalctl -u ${name}".\n` };
}

function enable(name: string): void {
  const file = findUnitFile(name);
  if (file === undefined) throw new Error(`Unit file ${name} does not exist.`);
  if (loadUnit(name).wantedBy.length === 0) return;
  mkdirSync(wantsFolder, { recursive: true });
  if (!existsSync(`${wantsFolder}/${name}`)) symlinkSync(file, `${wantsFolder}/${name}`);
}
