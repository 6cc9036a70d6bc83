/** The environment of commands typed by a person: a file that the service or that person wrote. */
import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";

type Environment = Readonly<Record<string, string | undefined>>;

/** CLAWFLEET_ENV_FILE, else `.clawfleet/env`, else `.env`; the process environment wins over it. */
export function loadEnvironmentFile(environment: Environment): Record<string, string | undefined> {
  const named = environment["CLAWFLEET_ENV_FILE"];
  const file = [named, ".clawfleet/env", ".env"].find((path) => path !== undefined && existsSync(path));
  return file === undefined ? {} : parseEnv(readFileSync(file, "utf8"));
}
