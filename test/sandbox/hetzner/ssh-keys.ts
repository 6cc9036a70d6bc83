/** SSH keys: name and fingerprint are unique in a project. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { labelsField, nameField, readBody } from "./bodies.ts";
import { invalidField, notUnique } from "./errors.ts";
import type { SshKeyRow } from "./model.ts";
import { listRows, sortFields } from "./paging.ts";
import { requireFreeName, requireRow, updateNameAndLabels } from "./resources.ts";
import { toSshKeyView } from "./views.ts";
import { requireRoom, type Answer, type Call, type Project, type Route } from "./world.ts";

const createBody = z.object({ name: nameField, public_key: z.string(), labels: labelsField.optional() });
const updateBody = z.object({ name: nameField.optional(), labels: labelsField.optional() });

export const sshKeyRoutes: Route[] = [
  { method: "GET", path: "/ssh_keys", handle: listKeys },
  { method: "POST", path: "/ssh_keys", handle: createKey },
  { method: "GET", path: "/ssh_keys/:id", handle: (call) => answer(200, requireKey(call)) },
  { method: "PUT", path: "/ssh_keys/:id", handle: updateKey },
  { method: "DELETE", path: "/ssh_keys/:id", handle: deleteKey },
];

function requireKey(call: Call): SshKeyRow {
  return requireRow(call, call.project.sshKeys, "ssh_key");
}

function answer(status: number, key: SshKeyRow): Answer {
  return { status, body: { ssh_key: toSshKeyView(key) } };
}

function listKeys(call: Call): Answer {
  const fingerprint = call.query.get("fingerprint");
  return listRows(call, {
    key: "ssh_keys",
    table: call.project.sshKeys,
    sort: sortFields.idName,
    view: toSshKeyView,
    keep: (key) => fingerprint === null || key.fingerprint === fingerprint,
  });
}

function createKey(call: Call): Answer {
  const body = readBody(call, createBody);
  const { project, world } = call;
  const fingerprint = toFingerprint(body.public_key);
  if (fingerprint === undefined) throw invalidField("public_key", "is not a valid OpenSSH public key");
  requireFreeName(project.sshKeys, body.name, "SSH key");
  requireFreeFingerprint(project, fingerprint);
  requireRoom(project, "sshKeys", project.sshKeys.size);
  const key = project.sshKeys.add({
    id: world.nextId(),
    name: body.name,
    labels: body.labels ?? {},
    created: world.now(),
    publicKey: body.public_key,
    fingerprint,
  });
  return answer(201, key);
}

function requireFreeFingerprint(project: Project, fingerprint: string): void {
  for (const key of project.sshKeys.all()) {
    if (key.fingerprint !== fingerprint) continue;
    throw notUnique("SSH key with the same fingerprint already exists", "public_key");
  }
}

const KEY_TYPES =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)$/;

/** MD5 of the key in pairs of hex digits, undefined when the text is no OpenSSH public key. */
export function toFingerprint(publicKey: string): string | undefined {
  const [type = "", data = ""] = publicKey.trim().split(/\s+/);
  if (!KEY_TYPES.test(type) || !/^[A-Za-z0-9+/]+=*$/.test(data)) return undefined;
  const bytes = Buffer.from(data, "base64");
  const nameLength = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
  if (bytes.subarray(4, 4 + nameLength).toString("latin1") !== type) return undefined;
  return createHash("md5")
    .update(bytes)
    .digest("hex")
    .replace(/..(?!$)/g, "$&:");
}

function updateKey(call: Call): Answer {
  const key = requireKey(call);
  updateNameAndLabels(call.project.sshKeys, key, readBody(call, updateBody), "SSH key");
  return answer(200, key);
}

/** Servers keep the key that was put on their disks. */
function deleteKey(call: Call): Answer {
  call.project.sshKeys.remove(requireKey(call));
  return { status: 204 };
}
