/** The stack of one cell. */
import type * as pulumi from "@pulumi/pulumi";
import { Cell } from "../components/cell.ts";
import type { CellInputs } from "./inputs.ts";
import type { CellOutputs } from "./outputs.ts";
import { createProviders } from "./providers.ts";

export function runCell(inputs: CellInputs): {
  [Name in keyof CellOutputs]: pulumi.Output<CellOutputs[Name]>;
} {
  const { settings } = inputs;
  const cell = new Cell(
    "cell",
    {
      name: inputs.name,
      networkRange: settings.networkRange,
      subnetRange: settings.subnetRange,
      networkZone: settings.networkZone,
      zone: settings.zone,
      customZones: settings.customZones,
      sshPublicKey: inputs.secrets.sshPublicKey,
    },
    { providers: createProviders(inputs.credentials, inputs.pollInterval) },
  );
  return {
    networkId: cell.networkId,
    subnetId: cell.subnetId,
    sshKeyId: cell.sshKeyId,
    zoneId: cell.zoneId,
    zoneName: cell.zoneName,
    customZones: cell.customZones,
    cloudflareRanges: cell.cloudflareRanges,
  };
}
