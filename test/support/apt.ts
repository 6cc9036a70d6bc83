/** Debian's packages for tests that need a program of the system's. */
import { runCommand } from "../../infra/engine/tools.ts";

const longMs = 10 * 60_000;

/** Why it cannot be had here; undefined where it can. */
export async function findAptObstacle(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "no root to install it";
  const { code } = await runCommand("/bin/sh", ["-c", "command -v apt-get"], { timeoutMs: 5_000 });
  return code === 0 ? undefined : "no apt to install it with";
}

/** undefined: done; else what was said. `folder`: where `download` puts it. */
export async function apt(args: readonly string[], folder = "."): Promise<string | undefined> {
  const waiting = ["-q", "-o", "DPkg::Lock::Timeout=300"];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const command = 'cd "$1" && shift && exec apt-get "$@"';
  const { code, stderr, stdout } = await runCommand(
    "/bin/sh",
    ["-c", command, "sh", folder, ...waiting, ...args],
    {
      timeoutMs: longMs,
      env,
    },
  );
  return code === 0
    ? undefined
    : (`${stdout}\n${stderr}`.trim().split("\n").at(-1) ?? `it ended with ${code}`);
}
