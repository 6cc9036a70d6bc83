/**
 * Proves with the real script on a real folder that a plan's files come into a workspace once, that a better one replaces what
 * nobody touched, and that what the customer wrote, changed or threw away stays so. Who may write there is the machine's part.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { remoteScripts } from "../../cloud-init/files.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "workspace-"));
  seeded = {};
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const at = (path: string) => join(home, "workspace", path);
const read = (path: string) => (existsSync(at(path)) ? readFileSync(at(path), "utf8") : undefined);
function write(path: string, content: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
}

/** What is known of every file, as configure.mjs keeps it between two runs. */
let seeded: Record<string, string>;
function seed(files: Record<string, string>): void {
  const known = execFileSync(
    process.execPath,
    ["--input-type=module", "--eval", remoteScripts.seedWorkspace],
    {
      input: JSON.stringify({ folder: join(home, "workspace"), seeded, files }),
      encoding: "utf8",
      timeout: 20_000,
    },
  );
  seeded = z.record(z.string(), z.string()).parse(JSON.parse(known));
}

test("files come with their folders, readable for their owner alone, and the second time nothing happens", () => {
  const files = { "AGENTS.md": "be kind", "skills/bills/SKILL.md": "how to" };
  seed(files);
  expect([read("AGENTS.md"), read("skills/bills/SKILL.md")]).toEqual(["be kind", "how to"]);
  expect(statSync(at("AGENTS.md")).mode & 0o777).toBe(0o600);
  const written = statSync(at("AGENTS.md")).mtimeMs;
  seed(files);
  expect(statSync(at("AGENTS.md")).mtimeMs).toBe(written);
});

test("a plan's better text replaces what nobody has touched", () => {
  seed({ "SOUL.md": "one" });
  seed({ "SOUL.md": "two" });
  expect(read("SOUL.md")).toBe("two");
});

test("what the customer has changed stays, now and at every later change of the plan", () => {
  seed({ "SOUL.md": "one" });
  write("SOUL.md", "mine");
  seed({ "SOUL.md": "two" });
  seed({ "SOUL.md": "three" });
  expect(read("SOUL.md")).toBe("mine");
});

test("what the customer has thrown away does not come back", () => {
  seed({ "SOUL.md": "one" });
  rmSync(at("SOUL.md"));
  seed({ "SOUL.md": "two" });
  expect(read("SOUL.md")).toBeUndefined();
});

test("what was there before the plan had such a file stays, and does not come back either", () => {
  write("USER.md", "me");
  seed({ "USER.md": "somebody" });
  expect(read("USER.md")).toBe("me");
  rmSync(at("USER.md"));
  seed({ "USER.md": "somebody" });
  expect(read("USER.md")).toBeUndefined();
});

test("a pipe in the place of a file is left alone and waited for by nobody", () => {
  seed({ "SOUL.md": "one" });
  rmSync(at("SOUL.md"));
  execFileSync("mkfifo", [at("SOUL.md")]);
  seed({ "SOUL.md": "two", "USER.md": "you" });
  expect(statSync(at("SOUL.md")).isFIFO()).toBe(true);
  expect(read("USER.md")).toBe("you");
});
