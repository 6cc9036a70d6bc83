// Makes the machine's TLS key, if there is none, and prints a certificate request for it. The key never leaves the machine.
import { execFileSync } from "node:child_process";
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
// A signature differs each time it is made; the same request again keeps the certificate that it got.
const request = `${folder}/${host}.csr`;
const subject = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`];
if (!existsSync(request)) {
  const fresh = `${request}.new`;
  writeFileSync(fresh, execFileSync("openssl", ["req", "-new", "-key", key, "-sha256", ...subject]));
  renameSync(fresh, request);
}
process.stdout.write(readFileSync(request));
