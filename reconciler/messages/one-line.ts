/** Makes a text from outside fit to stand in a line of ours: in a header, a subject, a list. Pure. */

/** Controls, line and paragraph separators, and the marks that turn the direction of writing. */
const breaking = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

export function oneLine(text: string, longest = 200): string {
  const line = text.replaceAll(breaking, " ").trim();
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`;
}
