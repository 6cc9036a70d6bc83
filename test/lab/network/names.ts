/** The lab's DNS: a few names of the outside world lead into the lab, every other one does not exist. UDP, A records. */
import { createSocket } from "node:dgram";

export type NameServer = { close(): Promise<void> };

const headerBytes = 12;
const typeA = 1;
const refuseNxDomain = 3;

export async function startNameServer(options: {
  address: string;
  /** IPv4 address of a name; undefined: there is none. */
  lookUp: (name: string) => string | undefined;
}): Promise<NameServer> {
  const socket = createSocket("udp4");
  socket.on("message", (query, sender) => {
    const answer = answerTo(query, options.lookUp);
    if (answer) socket.send(answer, sender.port, sender.address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(53, options.address, () => resolve());
  });
  return { close: () => new Promise((resolve) => socket.close(() => resolve())) };
}

/** undefined for what is no query with one question. */
function answerTo(query: Buffer, lookUp: (name: string) => string | undefined): Buffer | undefined {
  if (query.length < headerBytes || query.readUInt16BE(4) !== 1) return undefined;
  const question = readQuestion(query);
  if (!question) return undefined;
  const address = lookUp(question.name.toLowerCase());
  const found = address !== undefined && question.type === typeA;
  const header = Buffer.alloc(headerBytes);
  query.copy(header, 0, 0, 2);
  // An answer, authoritative, recursion wanted and had; a name without an address of this type is no error.
  header.writeUInt16BE(0x8580 | (address === undefined ? refuseNxDomain : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found ? 1 : 0, 6);
  const asked = query.subarray(headerBytes, question.end);
  if (!found) return Buffer.concat([header, asked]);
  // Points back to the question's name; type A, class IN, one minute, four bytes.
  const record = Buffer.from([0xc0, headerBytes, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4]);
  return Buffer.concat([header, asked, record, Buffer.from(address.split(".").map(Number))]);
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } | undefined {
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    if (length > 63) return undefined;
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  const end = at + 5;
  return end > query.length ? undefined : { name: labels.join("."), type: query.readUInt16BE(at + 1), end };
}
