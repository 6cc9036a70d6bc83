/**
 * Proves with real shells that a script comes through a command line as it is, whatever it holds, and that the shipped
 * scripts can be parsed. Cannot prove what the scripts do on a machine: the sandbox's machines run them.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { array, assert, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { firstBootFiles, remoteScripts } from "../../cloud-init/files.ts";
import { machinePaths } from "../../cloud-init/gateway-config.ts";
import { bashCommand, nodeCommand, quoteForShell } from "../../cloud-init/remote-command.ts";
import { hostileScripts } from "../support/hostile-texts.ts";

/** Standard output of a command line in a real shell, which must succeed. */
function runIn(shell: string, commandLine: string, input = ""): string {
  const result = spawnSync(shell, ["-c", commandLine], { input, encoding: "utf8", timeout: 10_000 });
  expect({ status: result.status, stderr: result.stderr }).toEqual({ status: 0, stderr: "" });
  return result.stdout;
}

function wordsIn(shell: string, words: readonly string[]): string[] {
  const line = `printf '%s\\0' ${words.map(quoteForShell).join(" ")}`;
  return runIn(shell, line).split("\0").slice(0, -1);
}

describe.each(["bash", "sh"])("quoteForShell in a real %s", (shell) => {
  it("makes one word of every hostile text", () => {
    expect(wordsIn(shell, hostileScripts)).toEqual(hostileScripts);
  });

  it("makes one word of any text", () => {
    const texts = array(string({ unit: "grapheme", maxLength: 30 }), { minLength: 20, maxLength: 40 });
    assert(
      property(texts, (given) => {
        const words = given.map((text) => text.replaceAll("\0", ""));
        expect(wordsIn(shell, words)).toEqual(words);
      }),
      { numRuns: 5, seed: 7 },
    );
  });

  it("brings the shipped scripts through byte for byte", () => {
    const scripts = Object.values(remoteScripts);
    expect(wordsIn(shell, scripts)).toEqual(scripts);
  });
});

describe("bashCommand", () => {
  it.each(["bash", "sh"])("runs the script in bash although the account's shell is %s", (shell) => {
    const script = "set -o pipefail\nwords=(one 'two three')\nprintf '%s;' \"${words[@]}\" \"it's $BASH\"";
    expect(runIn(shell, bashCommand(script))).toBe("one;two three;it's /bin/bash;");
  });

  it("takes the place of the shell, so that its end is the command's end", () => {
    expect(spawnSync("sh", ["-c", bashCommand("exit 3")]).status).toBe(3);
    expect(runIn("sh", `${bashCommand("printf in")}\nprintf after`)).toBe("in");
  });

  it("leaves standard input to the script", () => {
    expect(runIn("sh", bashCommand("cat"), "given")).toBe("given");
  });
});

describe("nodeCommand", () => {
  const here = (script: string) =>
    nodeCommand(script).replace(machinePaths.node, quoteForShell(process.execPath));

  it("begins with the machine's own Node", () => {
    expect(nodeCommand("1")).toBe("exec /opt/node/bin/node --input-type=module --eval '1'");
  });

  it("runs a module whose input is on standard input, quotes and dollars included", () => {
    const script = `// it's a comment
import { readFileSync } from "node:fs";
const { name } = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(\`\${name} $HOME 'a' "b" \\\\\`);
await Promise.resolve();`;
    expect(runIn("sh", here(script), '{"name":"it\'s"}')).toBe(`it's $HOME 'a' "b" \\`);
  });

  it("ends as the script ends", () => {
    expect(spawnSync("sh", ["-c", here("process.exitCode = 4")]).status).toBe(4);
  });
});

describe("the shipped scripts", () => {
  const folder = fileURLToPath(new URL("../../cloud-init/", import.meta.url));

  it.each(["tls-request", "tls-install", "configure", "health"])("%s can be parsed as a module", (name) => {
    const result = spawnSync(process.execPath, ["--check", `${folder}remote/${name}.mjs`], {
      encoding: "utf8",
    });
    expect(result.stderr).toBe("");
    expect(result.status).toBe(0);
  });

  it.each([
    ["wait-first-boot", remoteScripts.waitFirstBoot],
    ["first-boot", firstBootFiles.firstBoot],
    ["install-openclaw", firstBootFiles.installOpenclaw],
  ])("%s can be parsed by bash, and stops at the first mistake", (_name, script) => {
    const result = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
    expect({ status: result.status, stderr: result.stderr }).toEqual({ status: 0, stderr: "" });
    expect(script).toContain("set -euo pipefail\n");
  });

  it("are small enough for one argument of a command line", () => {
    const longest = Math.max(...Object.values(remoteScripts).map((script) => quoteForShell(script).length));
    expect(longest).toBeLessThan(128 * 1024);
  });

  it("never begin with a hyphen, which Node would take for an option", () => {
    for (const script of Object.values(remoteScripts)) expect(script).not.toMatch(/^-/);
  });
});
