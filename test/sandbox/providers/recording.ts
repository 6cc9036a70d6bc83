/** The recording of the official hcloud plugin, and the stand-in with a client that answers from a table: for tests. */
import { readFileSync } from "node:fs";
import { findSpec, missingSpecNote } from "../../support/specs.ts";
import type { DiffResult } from "./bridge/diff.ts";
import type { PluginRun } from "./bridge/plugin.ts";
import { createTerraformPlugin } from "./bridge/terraform.ts";
import { bagOf, type Bag } from "./bridge/values.ts";
import type { HcloudClient } from "./hcloud/client.ts";
import { HcloudError } from "./hcloud/errors.ts";
import { hcloudProvider } from "./hcloud/provider.ts";

const fileName = "trace-hcloud-plugin-grpc.txt";
const file = findSpec(fileName);

export const isRecorded = file !== undefined;
export const recordingName = isRecorded ? fileName : missingSpecNote(fileName);
export const lines = file === undefined ? [] : readFileSync(file, "utf8").split("\n");

/** What follows `start` in the first line that has it: JSON up to `end`, or to the end of the line. Empty when there is none. */
export function recorded(start: string, end?: string): Bag {
  const line = lines.find((one) => one.includes(start)) ?? "";
  const rest = line.slice(line.indexOf(start) + start.length);
  const json = end === undefined ? rest : rest.slice(0, rest.indexOf(end));
  return json === "" ? {} : (JSON.parse(json) as Bag);
}

export const urnOf = (type: string, name: string): string =>
  `urn:pulumi:dev::proj::hcloud:index/${type}::${name}`;

export function diffAsk(urn: string, olds: Bag, news: Bag) {
  return { urn, olds, news, ignoreChanges: [] };
}

/** As the recorder printed it: protobuf's JSON leaves zero values out. */
export function toRecordedDiff(diff: DiffResult): Bag {
  const { replaces, stables, changed, detailed = {} } = diff;
  const kinds = Object.entries(detailed).map(([path, kind]) => [path, kind === "ADD" ? {} : { kind }]);
  return {
    ...(replaces.length > 0 ? { replaces } : {}),
    ...(stables.length > 0 ? { stables } : {}),
    ...(diff.deleteBeforeReplace ? { deleteBeforeReplace: true } : {}),
    changes: changed.length > 0 ? "DIFF_SOME" : "DIFF_NONE",
    ...(changed.length > 0 ? { diffs: changed, detailedDiff: Object.fromEntries(kinds) } : {}),
    hasDetailedDiff: true,
  };
}

/** By method and path without its query; an error is thrown, what is missing is answered with nothing. */
export type Answers = Record<string, unknown>;

/** `asked` gets every request. */
function createClient(answers: Answers, asked: string[] = []): HcloudClient {
  const call = async (method: string, path: string, body?: unknown): Promise<Bag> => {
    asked.push(`${method} ${path}${body === undefined ? "" : ` ${JSON.stringify(body)}`}`);
    const answer = answers[`${method} ${path.split("?")[0]}`];
    if (answer instanceof Error) throw answer;
    return bagOf(answer);
  };
  return {
    call,
    find: async (path, member) => {
      const { [member]: found } = await call("GET", path);
      return found === undefined ? undefined : bagOf(found);
    },
    waitFor: async (...actions) => {
      for (const action of actions) {
        const { status, id } = bagOf(action);
        if (status === "error") throw new HcloudError("action_failed", 0, "Action failed", String(id));
      }
    },
    retryOn: (_codes, _tries, work) => work(),
    pause: () => Promise.resolve(),
  };
}

/** The stand-in for one engine run. */
export function openRun(answers: Answers = {}, asked: string[] = []): PluginRun {
  const provider = hcloudProvider({ endpoint: "", timeScale: 0 });
  const context = {
    environment: {},
    signal: new AbortController().signal,
    log: () => undefined,
    status: () => undefined,
  };
  const client = createClient(answers, asked);
  return createTerraformPlugin({ ...provider, connect: () => () => client }).open({}, context);
}
