/** cloudflare_origin_ca_certificate: every input replaces it, and a change is nothing. */
import type { ResourceDefinition } from "../bridge/definition.ts";
import { bagOf, listOf } from "../bridge/values.ts";
import type { CloudflareClient } from "./client.ts";

/** Days; Cloudflare's own default. */
const defaultValidity = 5475;

export const originCaCertificate: ResourceDefinition<CloudflareClient> = {
  token: "cloudflare:index/originCaCertificate:OriginCaCertificate",
  style: "framework",
  fields: {
    csr: {
      type: "string",
      required: true,
      replace: true,
      from: (seen, known) => known["csr"] ?? seen["csr"],
    },
    hostnames: {
      type: "set",
      required: true,
      replace: true,
      from: (seen, known) => (listOf(known["hostnames"]).length > 0 ? known["hostnames"] : seen["hostnames"]),
    },
    requestType: {
      type: "string",
      required: true,
      replace: true,
      from: (seen, known) => known["requestType"] ?? seen["request_type"],
    },
    requestedValidity: { type: "number", replace: true, default: defaultValidity },
    certificate: { type: "string", output: true, from: "certificate" },
    expiresOn: { type: "string", output: true, from: "expires_on" },
  },
  async create({ client }, wanted) {
    const body = {
      csr: wanted["csr"],
      hostnames: wanted["hostnames"],
      request_type: wanted["requestType"],
      requested_validity: wanted["requestedValidity"],
    };
    const seen = bagOf(await client.call("POST", "/certificates", body));
    return { id: String(seen["id"]), seen };
  },
  read: ({ client }, id) => client.find(`/certificates/${id}`),
  update: ({ client }, { id }) => client.find(`/certificates/${id}`),
  async delete({ client }, id) {
    await client.call("DELETE", `/certificates/${id}`);
  },
};
