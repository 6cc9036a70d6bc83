/** `fleet doctor`: what an operator would look at first. */
import { FleetRequestError, unwrap } from "./client.ts";
import { exitCodes, printJson, type CommandIo, type ExitCode } from "./io.ts";
import { renderTable } from "./table.ts";

/** Exit code `failed` when something is not well. */
export async function doctorCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const { findings } = await lookAnew(io);
  const ill = findings.filter(({ well }) => !well);
  if (options.json) printJson(io, findings);
  else {
    io.print(
      renderTable(
        [
          { title: "CHECK", value: ({ check }) => check },
          {
            title: "WELL",
            value: ({ well }) => (well ? "yes" : "NO"),
            tone: ({ well }) => (well ? "good" : "grave"),
          },
          { title: "DETAIL", value: ({ detail }) => detail },
          { title: "WHAT TO DO", value: ({ remedy }) => remedy ?? "" },
        ],
        findings,
        io.paint,
      ),
    );
    io.note(ill.length === 0 ? "all is well" : `${ill.length} of ${findings.length} are not well`);
  }
  return ill.length === 0 ? exitCodes.ok : exitCodes.failed;
}

const patienceMs = 30_000;
const pollMs = 500;

/** Tokens are looked at by whoever has them. With a key that may only read, what was seen last is told. */
async function lookAnew(io: CommandIo) {
  const read = () => unwrap(io.client.doctor.$get());
  const asked = await unwrap(io.client.doctor.looks.$post()).catch((error: unknown) => {
    if (error instanceof FleetRequestError && error.status === 403) return undefined;
    throw error;
  });
  if (!asked) return await read();
  const startedMs = io.now().getTime();
  for (;;) {
    const { findings, looks } = await read();
    const seen = new Set(
      looks.filter(({ lookedAt }) => lookedAt >= asked.askedAt).map(({ account }) => account),
    );
    const missing = asked.accounts.filter((account) => !seen.has(account));
    if (missing.length > 0 && io.now().getTime() < startedMs + patienceMs) {
      io.progress(`waiting for whoever has the tokens of ${missing.join(", ")}`);
      await io.sleep(pollMs);
      continue;
    }
    io.progress(null);
    if (missing.length > 0) io.note(`nobody has looked at the tokens of ${missing.join(", ")} just now`);
    return { findings };
  }
}
