// Makes the machine's TLS key, if there is none, and prints a certificate request for it. The key never leaves the machine.
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";

const { host, folder } = JSON.parse(readFileSync(0, "utf8"));
const key = `${folder}/key.pem`;

mkdirSync(folder, { recursive: true, mode: 0o750 });
if (!existsSync(key)) {
  const fresh = `${key}.new`;
  execFileSync("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", fresh], {
    stdio: "pipe",
  });
  // openssl makes it readable for root alone; the proxy reads it through its group.
  chownSync(fresh, 0, statSync(folder).gid);
  chmodSync(fresh, 0o640);
  renameSync(fresh, key);
}
const subject = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`];
process.stdout.write(execFileSync("openssl", ["req", "-new", "-key", key, "-sha256", ...subject]));
