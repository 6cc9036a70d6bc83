/** Cloudflare's answer envelope and its errors. */

export type ApiError = { code: number; message: string };

/** Codes as the live API gives them (facts: DNS and general API error codes). */
export const errors = {
  noRecord: { status: 404, code: 81_044, message: "Record does not exist." },
  sameRecord: { status: 400, code: 81_058, message: "An identical record already exists." },
  hostTaken: {
    status: 400,
    code: 81_053,
    message: "An A, AAAA, or CNAME record with that host already exists.",
  },
  quota: { status: 400, code: 81_045, message: "Record quota exceeded." },
  invalid: { status: 400, code: 1004, message: "DNS Validation Error" },
  badProxied: {
    status: 400,
    code: 9004,
    message: "The 'proxied' property must be true or false for this record type.",
  },
  badContent: { status: 400, code: 9005, message: "Content for A record must be a valid IPv4 address." },
  badContent6: { status: 400, code: 9006, message: "Content for AAAA record must be a valid IPv6 address." },
  badTtl: {
    status: 400,
    code: 9021,
    message: "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.",
  },
  badTags: { status: 400, code: 9300, message: "DNS record has 1 tags, exceeding the quota of 0." },
  badComment: { status: 400, code: 9301, message: "DNS record comment is too long." },
  noZone: {
    status: 404,
    code: 7003,
    message: "Could not route to the zone, perhaps your object identifier is invalid?",
  },
  noHeaders: { status: 400, code: 6003, message: "Invalid request headers" },
  notAuthorized: { status: 403, code: 9109, message: "Unauthorized to access requested resource" },
  authentication: { status: 403, code: 10_000, message: "Authentication error" },
  throttled: { status: 429, code: 971, message: "Please wait and consider throttling your request speed" },
  noCertificate: { status: 404, code: 1101, message: "Certificate not found." },
  // [R] code and words; the documentation says only that names are of zones on the account.
  badHostname: { status: 400, code: 1010, message: "Failed to validate requested hostname" },
  badCsr: { status: 400, code: 1010, message: "Failed to validate the certificate signing request." },
} as const;

export type ErrorName = keyof typeof errors;

export class CloudflareRefusal extends Error {
  readonly status: number;
  readonly error: ApiError;
  constructor(name: ErrorName, message?: string) {
    super(message ?? errors[name].message);
    this.status = errors[name].status;
    this.error = { code: errors[name].code, message: this.message };
  }
}

export function success(result: unknown, resultInfo?: Record<string, number>) {
  const info = resultInfo === undefined ? {} : { result_info: resultInfo };
  return { success: true, errors: [], messages: [], result, ...info };
}

export function failure(error: ApiError) {
  return { success: false, errors: [error], messages: [], result: null };
}

export function pageOf<T>(
  all: readonly T[],
  query: URLSearchParams,
  fallback: number,
): { items: T[]; info: Record<string, number> } {
  const page = Math.max(1, Number(query.get("page") ?? 1));
  const perPage = Math.max(1, Number(query.get("per_page") ?? fallback));
  const items = all.slice((page - 1) * perPage, page * perPage);
  const info = {
    page,
    per_page: perPage,
    count: items.length,
    total_count: all.length,
    total_pages: Math.ceil(all.length / perPage),
  };
  return { items, info };
}
