/** How `systemctl` reaches process 1: one JSON request a connection over a socket file. */
import { connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import type { Supervisor } from "./supervisor.ts";

export const controlSocket = "/run/sandbox/control.sock";

export type ControlRequest = {
  verb: string;
  units: string[];
  now: boolean;
  /** Of `kill`. */
  signal?: string;
  /** Of `show`. */
  property?: string;
};
export type ControlAnswer = { code: number; output: string };

export function serveControl(supervisor: Supervisor): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    void text(socket)
      .then((line) => supervisor.handle(JSON.parse(line) as ControlRequest))
      .catch((error: unknown): ControlAnswer => ({ code: 1, output: String(error) }))
      .then((answer) => socket.end(JSON.stringify(answer)));
  });
  server.listen(controlSocket);
}

export async function askControl(request: ControlRequest): Promise<ControlAnswer> {
  const socket = connect({ path: controlSocket, allowHalfOpen: true });
  socket.end(JSON.stringify(request));
  return JSON.parse(await text(socket)) as ControlAnswer;
}
