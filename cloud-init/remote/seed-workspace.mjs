// Puts the plan's files into the workspace, as the gateway's own user: a folder that the agent may change is no place for root.
// What the customer has written, changed or thrown away stays as it is. Prints what is known now, for the one that keeps it.
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

// `seeded`: by path the hash of what was put there; "" for what somebody else had put there before.
const { folder, seeded, files } = JSON.parse(readFileSync(0, "utf8"));
process.umask(0o077);

const hashOf = (text) => createHash("sha256").update(text).digest("hex");

function mayWrite(path, content) {
  const known = seeded[path];
  const present = lstatSync(join(folder, path), { throwIfNoEntry: false });
  if (present === undefined) return known === undefined;
  if (known === undefined) {
    seeded[path] = "";
    return false;
  }
  // Anything but a file is the customer's doing, and a pipe would never end.
  if (!present.isFile() || known === hashOf(content)) return false;
  return hashOf(readFileSync(join(folder, path), "utf8")) === known;
}

function write(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

for (const [path, content] of Object.entries(files)) {
  if (!mayWrite(path, content)) continue;
  write(join(folder, path), content);
  seeded[path] = hashOf(content);
}
process.stdout.write(JSON.stringify(seeded));
