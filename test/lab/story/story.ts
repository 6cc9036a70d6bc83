/** The life of one server, stage by stage. Every stage checks what it shows. */
import type { Lab } from "../lab.ts";
import { chatTurn, signInLink, streamAndSocket } from "./chat.ts";
import { signInWithBrowser } from "./browser.ts";
import { changeConfiguration, refuseConfiguration } from "./configuration.ts";
import {
  healDeafGateway,
  healKilledGateway,
  healStoppedGateway,
  readHealth,
  rebootKilledMachine,
} from "./healing.ts";
import { measureMachine } from "./machine.ts";
import { channelToken, denyTools, modelKeyRevoked } from "./keys.ts";
import { placeOrder } from "./order.ts";
import { destroy, suspendAndResume } from "./phases.ts";
import { scanFromEachSide } from "./scan.ts";

const chapters = [
  measureMachine,
  scanFromEachSide,
  chatTurn,
  signInLink,
  signInWithBrowser,
  streamAndSocket,
  changeConfiguration,
  refuseConfiguration,
  channelToken,
  modelKeyRevoked,
  denyTools,
  readHealth,
  healKilledGateway,
  healStoppedGateway,
  rebootKilledMachine,
  healDeafGateway,
  suspendAndResume,
  destroy,
];

/** To the end, or to the stage that has the words of `until` in its name. Returns whether it was the end. */
export async function tellStory(lab: Lab, until: string | undefined): Promise<boolean> {
  const customer = await placeOrder(lab);
  for (const tell of chapters) {
    await tell(lab, customer);
    if (until !== undefined && lab.stages.results().some(({ name }) => name.includes(until))) return false;
  }
  return true;
}
