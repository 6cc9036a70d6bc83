/** Errors as the Hetzner Cloud API gives them: one table of codes, one constructor per shape of `details`. */

/** HTTP status per code; operation codes are 422 unless the API says otherwise (official document, "Error Codes"). */
export const statusOfCode = {
  json_error: 400,
  unauthorized: 401,
  forbidden: 403,
  maintenance: 403,
  resource_limit_exceeded: 403,
  not_found: 404,
  method_not_allowed: 405,
  uniqueness_error: 409,
  conflict: 409,
  deprecated_api_endpoint: 410,
  resource_unavailable: 412,
  primary_ip_version_mismatch: 412,
  invalid_input: 422,
  service_error: 422,
  unsupported_error: 422,
  placement_error: 422,
  primary_ip_assigned: 422,
  primary_ip_already_assigned: 422,
  primary_ip_datacenter_mismatch: 422,
  server_has_ipv4: 422,
  server_has_ipv6: 422,
  server_not_stopped: 422,
  invalid_server_type: 422,
  already_in_placement_group: 422,
  must_be_unassigned: 422,
  server_already_attached: 422,
  server_already_added: 422,
  ip_not_available: 422,
  no_subnet_available: 422,
  networks_overlap: 422,
  firewall_already_applied: 422,
  firewall_resource_not_found: 422,
  firewall_managed_by_label_selector: 422,
  private_net_only_server: 422,
  resource_in_use: 422,
  volume_already_attached: 422,
  no_space_left_in_location: 422,
  locked: 423,
  protected: 423,
  rate_limit_exceeded: 429,
  server_error: 500,
  bad_gateway: 502,
  unavailable: 503,
  timeout: 504,
} as const;

export type ErrorCode = keyof typeof statusOfCode;

export type ErrorBody = { error: { code: string; message: string; details: object | null } };

/** Thrown by any handler; the router turns it into the answer. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: object | null;

  constructor(code: ErrorCode, message: string, details: object | null = null, status?: number) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status ?? statusOfCode[code];
    this.details = details;
  }

  toBody(): ErrorBody {
    return { error: { code: this.code, message: this.message, details: this.details } };
  }
}

export type FieldProblem = { name: string; messages: string[] };

/** `details.fields` names every field; the message names the first, as the API does. */
export function invalidInput(...fields: FieldProblem[]): ApiError {
  const first = fields[0];
  const reason = first === undefined ? "invalid input" : toReason(first);
  return new ApiError("invalid_input", reason, { fields });
}

export function invalidField(name: string, message: string): ApiError {
  return invalidInput({ name, messages: [message] });
}

function toReason(field: FieldProblem): string {
  return `invalid input in field '${field.name}': ${field.messages.join(", ")}`;
}

/** `thing` is the singular resource key: `server`, `placement_group`. */
export function notFound(thing: string, id: number | string): ApiError {
  const by = typeof id === "number" || /^\d+$/.test(id) ? "ID" : "name";
  return new ApiError("not_found", `${thing} with ${by} '${id}' not found`);
}

export function notUnique(message: string, field: string): ApiError {
  return new ApiError("uniqueness_error", message, { fields: [{ name: field }] });
}

/** Limits of the account or of a product: `limit` is the machine's name for it (`server_limit`). */
export function limitExceeded(message: string, limit: string): ApiError {
  return new ApiError("resource_limit_exceeded", message, { limits: [{ name: limit }] });
}

export function removedEndpoint(announcement: string): ApiError {
  return new ApiError("deprecated_api_endpoint", "API functionality was removed", { announcement });
}
