/**
 * Plays the recorded calls of the official provider (two applies, updates, a replacement) against the simulated
 * Hetzner and compares every status. It proves that the simulator gives the provider what it needs in its own
 * order of calls; not that bodies are the same, which the document is compared with for.
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createHetznerClient, type HetznerClient } from "../support/hetzner-client.ts";
import { withHetzner } from "../support/hetzner.ts";
import { isSchema } from "../support/openapi-schema.ts";
import { findSpec, missingSpecNote } from "../support/specs.ts";

const RECORDING = "trace-hcloud-wire.log";
const file = findSpec(RECORDING);

type Recorded = { method: string; path: string; body: string | undefined; status: number };

const LINE = /^(GET|POST|PUT|DELETE) \/v1(\/\S+)(?: (\{.*\}))? -> (\d+)/;
/** What follows was recorded against objects that the recorder, unlike the API, kept after a server was deleted. */
const END = "##### destroy without refresh after server vanished";

function readRecording(fileName: string): Recorded[] {
  const text = readFileSync(fileName, "utf8");
  return text
    .slice(0, text.indexOf(END))
    .split("\n")
    .map((line) => LINE.exec(line))
    .filter((match) => match !== null)
    .map(([, method = "", path = "", body, status = ""]) => ({ method, path, body, status: Number(status) }));
}

/** Recorded ids become ours: an object gets its id where it is created and is named in a later path. */
async function play(client: HetznerClient, recording: Recorded[]): Promise<string[]> {
  const ids = new Map<string, string>();
  const differences: string[] = [];
  let address = "";
  let running: number[] = [];
  for (const [index, call] of recording.entries()) {
    if (call.path.startsWith("/actions?")) {
      for (const id of running) await waitFor(client, id);
      running = [];
      continue;
    }
    const translate = (text: string): string =>
      text.replace(/\b10\d\d\b/g, (id) => ids.get(id) ?? id).replace("203.0.113.6", address);
    const body = call.body === undefined ? undefined : (JSON.parse(translate(call.body)) as unknown);
    const answer = await client.request(call.method, translate(call.path), body);
    if (answer.status !== call.status) {
      differences.push(`${call.method} ${call.path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    running.push(...actionIds(answer.body));
    const created = createdId(answer.body);
    if (call.method === "POST" && created !== undefined) {
      const recorded = laterId(recording.slice(index + 1), call.path);
      if (recorded !== undefined) ids.set(recorded, String(created));
    }
    address = publicAddress(answer.body) ?? address;
  }
  return differences;
}

/** `POST /servers` is followed by something about `/servers/1009`; an image by `GET /images/1015`. */
function laterId(rest: Recorded[], path: string): string | undefined {
  const collection = path.endsWith("/create_image") ? "images" : path.split("/")[1];
  const found = rest
    .map((call) => new RegExp(`^/${collection}/(10\\d\\d)`).exec(call.path))
    .find((match) => match);
  return found?.[1];
}

function createdId(body: object): number | undefined {
  for (const [key, value] of Object.entries(body)) {
    if (key !== "action" && isSchema(value) && typeof value["id"] === "number") return value["id"];
  }
  return undefined;
}

function actionIds(body: object): number[] {
  const actions = Object.entries(body).flatMap(([key, value]): unknown[] => {
    if (key === "action") return [value];
    return (key === "actions" || key === "next_actions") && Array.isArray(value) ? value : [];
  });
  return actions.filter(isSchema).map((action) => Number(action["id"]));
}

function publicAddress(body: object): string | undefined {
  const match = /"ipv4":\{"id":\d+,"ip":"([\d.]+)"/.exec(JSON.stringify(body));
  return match?.[1];
}

async function waitFor(client: HetznerClient, id: number): Promise<void> {
  await expect
    .poll(async () => JSON.stringify(await client.get(`/actions?id=${id}&page=1&sort=status&sort=id`)))
    .toContain('"status":"success"');
}

const note = file === undefined ? ` (${missingSpecNote(RECORDING)})` : "";

it.skipIf(file === undefined)(
  `answers the official provider's calls with the recorded statuses${note}`,
  async () => {
    await withHetzner({}, async ({ hetzner }) => {
      const recording = readRecording(file ?? "");
      expect(recording.length).toBeGreaterThan(200);
      expect(await play(createHetznerClient(hetzner.url, hetzner.token), recording)).toEqual([]);
      await hetzner.project().settled();
      expect(hetzner.counts()).toMatchObject({
        servers: 0,
        sshKeys: 1,
        networks: 1,
        firewalls: 1,
        volumes: 1,
      });
    });
  },
);
