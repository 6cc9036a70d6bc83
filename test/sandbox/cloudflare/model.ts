/** What the simulated Cloudflare keeps. */

export type ZonePlan = "free" | "pro";

/** `pending`: its registrar does not point to Cloudflare yet. */
export type ZoneStatus = "active" | "pending";

export type Zone = { id: string; name: string; plan: ZonePlan; status: ZoneStatus };

export type DnsRecord = {
  id: string;
  zoneId: string;
  name: string;
  type: string;
  content: string;
  proxied: boolean;
  ttl: number;
  comment: string | null;
  tags: string[];
  priority: number | undefined;
  createdOn: Date;
  modifiedOn: Date;
  commentModifiedOn: Date | undefined;
  tagsModifiedOn: Date | undefined;
};

export type Certificate = {
  id: string;
  certificate: string;
  csr: string;
  hostnames: string[];
  expiresOn: Date;
  requestType: string;
  requestedValidity: number;
};

export type Token = {
  value: string;
  status: "active" | "disabled" | "expired";
  canEdit: boolean;
  /** Names of the zones that it is for; absent: every one of the account. */
  zones?: readonly string[];
};

/** Records a zone takes, by plan (free zones made since September 2024: 200). */
export const recordQuota: Record<ZonePlan, number> = { free: 200, pro: 3500 };
export const commentLimit: Record<ZonePlan, number> = { free: 100, pro: 500 };
export const tagLimit: Record<ZonePlan, number> = { free: 0, pro: 20 };
