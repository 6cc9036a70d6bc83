/** Private addresses of a cell. Pure. */

/** Gateway .1 and backend .2 are taken; instances begin here. */
const firstHost = 3;

/** The lowest free address of the range; undefined when it is full. */
export function findFreeAddress(
  subnetRange: string,
  taken: ReadonlySet<string>,
  backendIp: string,
): string | undefined {
  const [base = "", bits = "24"] = subnetRange.split("/");
  const start = toNumber(base);
  const size = 2 ** (32 - Number(bits));
  // A range may be written with host bits: 10.0.0.128/24 is 10.0.0.0/24.
  const first = start - (start % size);
  for (let host = firstHost; host < size - 1; host += 1) {
    const address = toAddress(first + host);
    if (address !== backendIp && !taken.has(address)) return address;
  }
  return undefined;
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
