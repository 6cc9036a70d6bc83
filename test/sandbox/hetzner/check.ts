/** Comparison of this simulator with the official document, known differences included. */
import { createResponseCheck, type ResponseCheck } from "../../support/openapi.ts";
import { hetznerSpecPatches } from "./spec-patches.ts";

/** Give `check` to `startHetzner`; at the end of the test `violations` and `requestViolations` must be empty. */
export function createHetznerCheck(): ResponseCheck {
  return createResponseCheck({ spec: "hetzner.json", patches: hetznerSpecPatches, unknownFields: "report" });
}
