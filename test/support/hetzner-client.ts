/** A client for tests of the simulated Hetzner: plain fetch, and polling as the official client does it. */
import { isSchema, type JsonSchema } from "./openapi-schema.ts";

export type HetznerAnswer = { status: number; body: JsonSchema; headers: Headers };

export type HetznerClient = {
  request(method: string, path: string, body?: unknown): Promise<HetznerAnswer>;
  /** Expects 2xx, waits for every action of the answer as the provider does, throws an `ActionFailed`. */
  act(method: string, path: string, body?: unknown): Promise<JsonSchema>;
  get(path: string): Promise<JsonSchema>;
  /** Polls until the action has succeeded; throws an `ActionFailed`. */
  waitFor(actionId: number): Promise<void>;
};

export class ActionFailed extends Error {}

const POLL_MS = 5;
const MAX_POLLS = 2_000;

export function createHetznerClient(url: string, token: string): HetznerClient {
  async function request(method: string, path: string, body?: unknown): Promise<HetznerAnswer> {
    const response = await fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed: unknown = text === "" ? {} : JSON.parse(text);
    return { status: response.status, body: isSchema(parsed) ? parsed : {}, headers: response.headers };
  }

  async function expectOk(method: string, path: string, body?: unknown): Promise<JsonSchema> {
    const answer = await request(method, path, body);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path} -> ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  /** `GET /actions?id=..&page=1&sort=status&sort=id`, as hcloud-go asks. */
  async function waitFor(id: number): Promise<void> {
    for (let poll = 0; poll < MAX_POLLS; poll += 1) {
      const body = await expectOk("GET", `/actions?id=${id}&page=1&sort=status&sort=id`);
      const [action] = records(body["actions"]);
      if (action === undefined) throw new Error(`actions not found: [${id}]`);
      if (action["status"] === "success") return;
      if (action["status"] === "error") throw new ActionFailed(JSON.stringify(action["error"]));
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(`action ${id} still runs after ${MAX_POLLS} polls`);
  }

  return {
    request,
    get: (path) => expectOk("GET", path),
    waitFor,
    async act(method, path, body) {
      const answer = await expectOk(method, path, body);
      const actions = [
        ...records([answer["action"]]),
        ...records(answer["actions"]),
        ...records(answer["next_actions"]),
      ];
      for (const action of actions) await waitFor(Number(action["id"]));
      return answer;
    },
  };
}

function records(value: unknown): JsonSchema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}

/** `at(body, "server", "public_net", "ipv4", "ip")`: undefined where the way ends. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (Array.isArray(inner)) return inner[Number(key)] as unknown;
    return isSchema(inner) ? inner[key] : undefined;
  }, value);
}

/** The id of the object under `key`. */
export function idOf(body: JsonSchema, key: string): number {
  const id = at(body, key, "id");
  if (typeof id !== "number") throw new Error(`no ${key}.id in ${JSON.stringify(body)}`);
  return id;
}
