/** A letter as plain text. Pure. */
import type { Letter } from "./letter.ts";

export function renderText(letter: Letter): string {
  const details = letter.details.map(({ label, value }) => `${label}: ${value}`);
  const parts = [
    letter.heading,
    ...letter.paragraphs,
    details.join("\n"),
    `${letter.action.label}:\n${letter.action.href}`,
    `-- \n${letter.signature}`,
  ];
  return `${parts.join("\n\n")}\n`;
}
