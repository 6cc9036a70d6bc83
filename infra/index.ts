/** Entry of the program for the native CLI: `pulumi preview -s <slug>` typed by a person. */
import * as pulumi from "@pulumi/pulumi";
import { loadInputs } from "./inputs.ts";
import { runProgram } from "./program.ts";

const outputs = runProgram(await loadInputs(process.env, pulumi.getStack(), "files"));

export default outputs;
