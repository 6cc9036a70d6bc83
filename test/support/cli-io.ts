/** What a verb of `fleet` is given, in front of an app in this process: what it says is kept, and waiting is refused or counted. */
import type { CommandIo } from "../../reconciler/cli/io.ts";
import { createFleetClient } from "../../reconciler/cli/client.ts";
import type { AdminApp } from "./admin-app.ts";

export type CliIo = { io: CommandIo; said: string[] };

/** `onWait`: what happens elsewhere while it waits. Without it, it must not. */
export function createCliIo(api: Pick<AdminApp, "app" | "rootKey">, onWait?: () => Promise<void>): CliIo {
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const io: CommandIo = {
    client: createFleetClient({
      url: "http://fleet.example",
      adminKey: api.rootKey,
      fetch: async (input, init) =>
        await api.app.request(input instanceof Request ? input : String(input), init),
    }),
    print: say,
    note: say,
    ask: () => Promise.resolve(undefined),
    paint: (text) => text,
    progress: () => undefined,
    sleep: onWait ?? (() => Promise.reject(new Error("it waits"))),
    now: () => new Date(),
  };
  return { io, said };
}
