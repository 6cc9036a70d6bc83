/** `fleet doctor`: what an operator would look at first. */
import { unwrap } from "./client.ts";
import { exitCodes, type CommandIo, type ExitCode } from "./commands.ts";
import { renderTable } from "./table.ts";

/** Exit code `failed` when something is not well. */
export async function doctorCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const { findings } = await unwrap(io.client.doctor.$get());
  const ill = findings.filter(({ well }) => !well);
  if (options.json) io.print(JSON.stringify(findings, null, 2));
  else {
    io.print(
      renderTable(
        [
          { title: "CHECK", value: ({ check }) => check },
          { title: "WELL", value: ({ well }) => (well ? "yes" : "NO") },
          { title: "DETAIL", value: ({ detail }) => detail },
          { title: "WHAT TO DO", value: ({ remedy }) => remedy ?? "" },
        ],
        findings,
      ),
    );
    io.note(ill.length === 0 ? "all is well" : `${ill.length} of ${findings.length} are not well`);
  }
  return ill.length === 0 ? exitCodes.ok : exitCodes.failed;
}
