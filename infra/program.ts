/** The program that both drivers run: one stack's inputs in, its outputs out. */
import type { ProgramInputs } from "./inputs.ts";
import { runCell } from "./cell.ts";
import { runInstance } from "./instance.ts";

export function runProgram(inputs: ProgramInputs): Record<string, unknown> {
  switch (inputs.kind) {
    case "cell":
      return runCell(inputs);
    case "instance":
      return runInstance(inputs);
  }
}
