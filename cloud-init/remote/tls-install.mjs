// Puts the signed certificate beside its key, after making sure that they belong together.
import { spawnSync } from "node:child_process";
import { X509Certificate, createPrivateKey } from "node:crypto";
import { chownSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";

const { certificate, folder } = JSON.parse(readFileSync(0, "utf8"));
const parsed = new X509Certificate(certificate);
if (!parsed.checkPrivateKey(createPrivateKey(readFileSync(`${folder}/key.pem`)))) {
  throw new Error("the certificate does not belong to this machine's key");
}
const file = `${folder}/certificate.pem`;
writeFileSync(`${file}.new`, certificate, { mode: 0o640 });
chownSync(`${file}.new`, 0, statSync(folder).gid);
renameSync(`${file}.new`, file);
// A running proxy takes the new one up at once; before the first configuration there is none.
if (spawnSync("systemctl", ["is-active", "--quiet", "caddy.service"]).status === 0) {
  const reloaded = spawnSync("systemctl", ["reload", "caddy.service"], { encoding: "utf8" });
  if (reloaded.status !== 0)
    throw new Error(`caddy does not take the certificate: ${reloaded.stderr.trim()}`);
}
process.stdout.write(`certificate for ${parsed.subjectAltName} until ${parsed.validTo}\n`);
