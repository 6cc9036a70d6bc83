/** What Hetzner sells, as data. Sources: facts.md section 3; what is not marked confirmed there is an estimate. */
import type { Architecture, ImageRow, Iso, Location, ServerType } from "./model.ts";

export const vatPercent = 21;

export const locations: Location[] = [
  place(1, "fsn1", "Falkenstein DC Park 1", "DE", "Falkenstein", 50.47612, 12.370071, "eu-central"),
  place(2, "nbg1", "Nuremberg DC Park 1", "DE", "Nuremberg", 49.452102, 11.076665, "eu-central"),
  place(3, "hel1", "Helsinki DC Park 1", "FI", "Helsinki", 60.169855, 24.938379, "eu-central"),
  place(4, "ash", "Ashburn, VA", "US", "Ashburn, VA", 39.045821, -77.487073, "us-east"),
  place(5, "hil", "Hillsboro, OR", "US", "Hillsboro, OR", 45.54222, -122.951924, "us-west"),
  place(6, "sin", "Singapore", "SG", "Singapore", 1.283333, 103.833333, "ap-southeast"),
];

function place(
  id: number,
  name: string,
  description: string,
  country: string,
  city: string,
  latitude: number,
  longitude: number,
  zone: string,
): Location {
  return { id, name, description, country, city, latitude, longitude, network_zone: zone };
}

const europe = ["fsn1", "nbg1", "hel1"];
const everywhere = locations.map((location) => location.name);

type Line = [
  id: number,
  name: string,
  cores: number,
  memoryGb: number,
  diskGb: number,
  /** EUR a month in Europe without VAT and IPv4, new orders since 2026-06-15. */
  monthlyNet: number,
];

const families: {
  at: string[];
  cpu: "shared" | "dedicated";
  arch: Architecture;
  category: string;
  lines: Line[];
}[] = [
  {
    at: europe,
    cpu: "shared",
    arch: "x86",
    category: "Cost-Optimized",
    lines: [
      [114, "cx23", 2, 4, 40, 5.49],
      [115, "cx33", 4, 8, 80, 8.49],
      [116, "cx43", 8, 16, 160, 15.99],
      [117, "cx53", 16, 32, 320, 29.49],
    ],
  },
  {
    at: europe,
    cpu: "shared",
    arch: "arm",
    category: "Cost-Optimized",
    // No figure after June 2026 is known for these: spring prices, raised as the CX line was.
    lines: [
      [45, "cax11", 2, 4, 40, 5.99],
      [93, "cax21", 4, 8, 80, 9.99],
      [94, "cax31", 8, 16, 160, 18.99],
      [95, "cax41", 16, 32, 320, 36.99],
    ],
  },
  {
    at: everywhere,
    cpu: "shared",
    arch: "x86",
    category: "Regular-Performance",
    lines: [
      [108, "cpx12", 1, 2, 40, 11.49],
      [109, "cpx22", 2, 4, 80, 19.49],
      [110, "cpx32", 4, 8, 160, 35.49],
      [111, "cpx42", 8, 16, 320, 69.49],
      [112, "cpx52", 12, 24, 480, 100.49],
      [113, "cpx62", 16, 32, 640, 129.99],
    ],
  },
  {
    at: everywhere,
    cpu: "dedicated",
    arch: "x86",
    category: "General-Purpose",
    lines: [
      [96, "ccx13", 2, 8, 80, 42.99],
      [97, "ccx23", 4, 16, 160, 85.99],
      [98, "ccx33", 8, 32, 240, 138.49],
    ],
  },
];

export const serverTypes: ServerType[] = families.flatMap(({ at, cpu, arch, category, lines }) =>
  lines.map(([id, name, cores, memoryGb, diskGb, monthlyNet]) => ({
    id,
    name,
    cores,
    memoryGb,
    diskGb,
    cpu,
    category,
    architecture: arch,
    locations: at.map((location) => ({ name: location, monthlyNet, available: true })),
  })),
);

/** Prices that belong to no server type: EUR net. */
export const otherPrices = {
  primaryIpv4Monthly: 0.5,
  floatingIpv4Monthly: 3,
  floatingIpv6Monthly: 1,
  volumeGbMonth: 0.0572,
  imageGbMonth: 0.0143,
  trafficTb: 1,
  includedTrafficBytes: 20 * 1024 ** 4,
  backupPercent: 20,
  /** The monthly price is this many hours: 5.49 a month is 0.0088 an hour. */
  hoursPerMonth: 624,
} as const;

type SystemImage = [
  x86: number,
  arm: number,
  name: string,
  flavor: ImageRow["osFlavor"],
  version: string,
  deprecated?: string,
];

/** One id per architecture; only the x86 id of ubuntu-24.04 is seen on the wire, the others are made up. */
const systemImages: SystemImage[] = [
  [67794396, 103908130, "ubuntu-22.04", "ubuntu", "22.04"],
  [161547269, 161547270, "ubuntu-24.04", "ubuntu", "24.04"],
  [380417401, 380417402, "ubuntu-26.04", "ubuntu", "26.04"],
  [45557056, 103907373, "debian-11", "debian", "11", "2026-08-14T00:00:00Z"],
  [114690387, 114690389, "debian-12", "debian", "12"],
  [310557660, 310557661, "debian-13", "debian", "13"],
  [118447910, 118447911, "centos-stream-9", "centos", "9"],
  [268536001, 268536002, "centos-stream-10", "centos", "10"],
  [76766499, 103908070, "rocky-9", "rocky", "9"],
  [291563001, 291563002, "rocky-10", "rocky", "10"],
  [76766520, 103908071, "alma-9", "alma", "9"],
  [291563003, 291563004, "alma-10", "alma", "10"],
  [311557001, 311557002, "fedora-43", "fedora", "43"],
  [349157001, 349157002, "fedora-44", "fedora", "44"],
  [172998001, 172998002, "opensuse-15", "opensuse", "15"],
];

export const images: ImageRow[] = systemImages.flatMap(([x86, arm, name, flavor, version, deprecated]) =>
  (["x86", "arm"] as const).map((architecture) => ({
    id: architecture === "x86" ? x86 : arm,
    name,
    labels: {},
    created: new Date("2026-01-15T06:00:00Z"),
    type: "system" as const,
    status: "available" as const,
    description: `${flavor.slice(0, 1).toUpperCase()}${flavor.slice(1)} ${version}`,
    imageSizeGb: null,
    diskGb: 5,
    createdFrom: null,
    boundTo: null,
    osFlavor: flavor,
    osVersion: version,
    architecture,
    rapidDeploy: true,
    protected: false,
    deprecatedAt: deprecated === undefined ? null : new Date(deprecated),
    deletedAt: null,
  })),
);

export const isos: Iso[] = [
  {
    id: 122630,
    name: "debian-13.1.0-amd64-netinst.iso",
    description: "Debian 13.1 (amd64/netinstall)",
    architecture: "x86",
  },
  {
    id: 122629,
    name: "debian-13.1.0-arm64-netinst.iso",
    description: "Debian 13.1 (arm64/netinstall)",
    architecture: "arm",
  },
];
