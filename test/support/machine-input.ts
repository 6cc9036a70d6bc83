/** What the configuration of one usual machine is made from, for tests that change a thing or two in it. */
import type { ConfigureInput } from "../../cloud-init/documents.ts";

export const machineInput: ConfigureInput = {
  host: "anna.claws.example",
  privateIp: "10.0.0.7",
  phase: "running",
  openclawVersion: "2026.9.6",
  memoryMb: 2048,
  tasks: 512,
  model: "anthropic/claude-sonnet-4-6",
  denyRuntimeTools: false,
  gatewayToken: "gateway-token-gateway-token-gateway",
  environment: {},
  ports: [],
};
