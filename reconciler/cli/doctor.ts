/** `fleet doctor`: what an operator would look at first. */
import { unwrap } from "./client.ts";
import { exitCodes, printJson, type CommandIo, type ExitCode } from "./io.ts";
import { renderTable } from "./table.ts";

/** Exit code `failed` when something is not well. */
export async function doctorCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const { findings } = await unwrap(io.client.doctor.$get());
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
