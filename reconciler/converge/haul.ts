/** What one machine writes becomes what another one reads, through this process and never onto its disk. */
import ssh2, { type Client, type ClientChannel } from "ssh2";
import { ClawfleetError, messageOf } from "../errors.ts";
import { toConnection, type MachineAddress } from "../health/machine-ssh.ts";

export type HaulEnd = { address: MachineAddress; command: string };

/** A machine that has gone says nothing, not even that it has. */
const keepalive = { keepaliveInterval: 15_000, keepaliveCountMax: 4 } as const;
const maxComplaint = 2000;

/** Resolves when both commands have ended well; whatever happens, both connections are gone then. @throws ClawfleetError */
export async function haul(
  from: HaulEnd,
  to: HaulEnd,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const clients: Client[] = [];
  try {
    const source = await dial(from.address, clients, bound);
    const target = await dial(to.address, clients, bound);
    const packing = await begin(source, from.command, bound);
    const unpacking = await begin(target, to.command, bound);
    packing.channel.end();
    packing.channel.pipe(unpacking.channel);
    unpacking.channel.resume();
    await Promise.all([packing.ended, unpacking.ended]);
  } catch (error) {
    signal.throwIfAborted();
    throw failed(bound.aborted ? `no end within ${timeoutMs / 1000} s` : messageOf(error));
  } finally {
    for (const client of clients) {
      client.on("error", () => undefined);
      client.destroy();
    }
  }
}

function dial(address: MachineAddress, clients: Client[], signal: AbortSignal): Promise<Client> {
  const client = new ssh2.Client();
  clients.push(client);
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Error("stopped"));
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) return stop();
    client.once("error", reject);
    client.once("close", () => reject(new Error(`${address.host} closed the connection`)));
    client.once("ready", () => resolve(client));
    client.connect({ ...toConnection(address), ...keepalive });
  });
}

type Running = { channel: ClientChannel; ended: Promise<void> };

function begin(client: Client, command: string, signal: AbortSignal): Promise<Running> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) reject(error);
      else resolve({ channel, ended: watch(client, channel, signal) });
    });
  });
}

function watch(client: Client, channel: ClientChannel, signal: AbortSignal): Promise<void> {
  const ended = new Promise<void>((resolve, reject) => {
    let complaint = "";
    let code: number | null = null;
    signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
    client.once("error", reject);
    channel.on("error", reject);
    channel.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(-maxComplaint);
    });
    channel.once("exit", (status: number | null) => (code = status));
    channel.once("close", () => {
      if (code === 0) resolve();
      else reject(new Error(code === null ? "cut off" : `exit code ${code}: ${complaint.trim()}`));
    });
  });
  // The other end may be waited for first.
  ended.catch(() => undefined);
  return ended;
}

function failed(why: string): ClawfleetError {
  return new ClawfleetError({
    code: "cloud_unavailable",
    message: `the files were not copied: ${why}`,
    remedy: "nothing: the gateway goes on where it was, and the copy is tried again",
    retry: { kind: "retryable" },
  });
}
