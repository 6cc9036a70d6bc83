// Puts the plan's files into the workspace, as the gateway's own user: a folder that the agent may change is no place for root.
// What the customer has written, changed or thrown away stays as it is.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const { folder, ledger, files } = JSON.parse(readFileSync(0, "utf8"));
process.umask(0o077);

const hashOf = (text) => createHash("sha256").update(text).digest("hex");
// By path the hash of what was put there; "" for what somebody else had put there before.
const seeded = existsSync(ledger) ? JSON.parse(readFileSync(ledger, "utf8")) : {};

function mayWrite(path, content) {
  const known = seeded[path];
  if (!existsSync(join(folder, path))) return known === undefined;
  if (known === undefined) {
    seeded[path] = "";
    return false;
  }
  return known !== hashOf(content) && hashOf(readFileSync(join(folder, path), "utf8")) === known;
}

function write(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

let written = 0;
for (const [path, content] of Object.entries(files)) {
  if (!mayWrite(path, content)) continue;
  write(join(folder, path), content);
  seeded[path] = hashOf(content);
  written += 1;
}
if (Object.keys(files).length > 0) write(ledger, JSON.stringify(seeded));
process.stdout.write(`${written} files of the plan put into the workspace\n`);
