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
import { placeOrder } from "./order.ts";
import { destroy, suspendAndResume } from "./phases.ts";
import { scanFromEachSide } from "./scan.ts";

export async function tellStory(lab: Lab): Promise<void> {
  const customer = await placeOrder(lab);
  await measureMachine(lab, customer);
  await chatTurn(lab, customer);
  await signInLink(lab, customer);
  await signInWithBrowser(lab, customer);
  await streamAndSocket(lab, customer);
  await scanFromEachSide(lab, customer);
  await changeConfiguration(lab, customer);
  await refuseConfiguration(lab, customer);
  await readHealth(lab, customer);
  await healKilledGateway(lab, customer);
  await healStoppedGateway(lab, customer);
  await rebootKilledMachine(lab, customer);
  await healDeafGateway(lab, customer);
  await suspendAndResume(lab, customer);
  await destroy(lab, customer);
}
