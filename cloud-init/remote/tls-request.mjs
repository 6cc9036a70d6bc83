// Makes the machine's TLS key, if there is none, and prints a certificate request for it. The key never leaves the machine.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";

const { host, domain, folder } = JSON.parse(readFileSync(0, "utf8"));
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
// A domain may be as long as a file's name.
const beside =
  domain === undefined ? "" : `+${createHash("sha256").update(domain).digest("hex").slice(0, 16)}`;
const request = `${folder}/${host}${beside}.csr`;
const names = [host, domain].filter((name) => name !== undefined).map((name) => `DNS:${name}`);
const subject = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=${names.join(",")}`];
// A signature differs each time it is made; the same request again keeps the certificate that it got.
if (!existsSync(request)) {
  const fresh = `${request}.new`;
  writeFileSync(fresh, execFileSync("openssl", ["req", "-new", "-key", key, "-sha256", ...subject]));
  renameSync(fresh, request);
}
process.stdout.write(readFileSync(request));
