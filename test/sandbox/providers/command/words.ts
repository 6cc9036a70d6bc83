/** Errors as the official provider shows them: in the words of Go's libraries. */

/** Go's `%q`. */
export function quote(text: string): string {
  const escapes: Record<string, string> = {
    "\u0007": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
  };
  // oxlint-disable-next-line no-control-regex
  const quoted = text.replaceAll(/[\u0000-\u001f\u007f"\\]/g, (letter) => {
    return escapes[letter] ?? `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `"${quoted}"`;
}

/** POSIX numbers of the signals that RFC 4254 names. */
const signalNumbers: Record<string, number> = {
  ABRT: 6,
  ALRM: 14,
  FPE: 8,
  HUP: 1,
  ILL: 4,
  INT: 2,
  KILL: 9,
  PIPE: 13,
  QUIT: 3,
  SEGV: 11,
  TERM: 15,
};

/** Why a command failed; undefined when it did not. */
export function describeExit(code: number | undefined, signal: string | undefined): string | undefined {
  if (signal !== undefined) {
    return `Process exited with status ${128 + (signalNumbers[signal] ?? 0)} from signal ${signal}`;
  }
  if (code === undefined) return "wait: remote command exited without exit status or exit signal";
  return code === 0 ? undefined : `Process exited with status ${code}`;
}

/** What Go says where Node says this, when a machine cannot be reached. */
export function describeDialError(text: string, endpoint: string): string {
  if (/ECONNREFUSED/.test(text)) return `dial tcp ${endpoint}: connect: connection refused`;
  if (/EHOSTUNREACH/.test(text)) return `dial tcp ${endpoint}: connect: no route to host`;
  if (/ENETUNREACH/.test(text)) return `dial tcp ${endpoint}: connect: network is unreachable`;
  if (/ETIMEDOUT|Timed out while waiting/.test(text)) return `dial tcp ${endpoint}: i/o timeout`;
  if (/ECONNRESET|Connection lost|ended by/.test(text)) return "ssh: handshake failed: EOF";
  if (/verification failed/.test(text)) return "ssh: handshake failed: ssh: host key mismatch";
  if (/authentication methods failed/.test(text)) {
    return "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain";
  }
  return text;
}
