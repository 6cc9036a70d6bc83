/** Which processes this one starts, whoever in it does: the Automation API does not say under which number its CLI runs. */
import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";

/** Source: nodejs.org/api/diagnostics_channel.html, built-in channel `child_process`: published before it is spawned. */
const channel = "child_process";

/** Until the function that it gives back is called. */
export function watchProcesses(onStart: (pid: number) => void): () => void {
  const see = (message: unknown): void => {
    const process = toProcess(message);
    process?.once("spawn", () => {
      if (process.pid !== undefined) onStart(process.pid);
    });
  };
  subscribe(channel, see);
  return () => void unsubscribe(channel, see);
}

function toProcess(message: unknown): ChildProcess | undefined {
  return isStart(message) ? message.process : undefined;
}

function isStart(message: unknown): message is { process: ChildProcess } {
  return typeof message === "object" && message !== null && "process" in message;
}
