/** Takes secrets out of text before anybody stores or shows it. Pure. */

const shapes: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g,
  /\b(?:sk|rk)_(?:test|live)_\w+/g,
  /\bwhsec_\w+/g,
  /\bsk-ant-[\w-]+/g,
  /(?<=\bBearer )[\w.~+/=-]+/g,
  /(?<=postgres(?:ql)?:\/\/[^:/\s]+:)\S+(?=@)/g,
];

export const redacted = "[redacted]";

export type Redact = (text: string) => string;

/** `values`: secrets known by name, such as our own tokens. Short ones are left out: they would blank half of every text. */
export function createRedact(values: readonly string[]): Redact {
  const known = values.filter((value) => value.length >= 8).toSorted((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const value of known) clean = clean.replaceAll(value, redacted);
    for (const shape of shapes) clean = clean.replaceAll(shape, redacted);
    return clean;
  };
}
