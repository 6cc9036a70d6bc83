/** What was done to the product and when, so that a finding can be told with its history. */

export type JournalEntry = {
  at: Date;
  text: string;
  /** Whom it hit, as far as that can be known at once. */
  slugs: readonly string[];
};

export type Journal = {
  note(text: string, slugs?: readonly string[]): void;
  entries(): readonly JournalEntry[];
};

export function createJournal(now: () => Date, onEntry: (entry: JournalEntry) => void): Journal {
  const entries: JournalEntry[] = [];
  return {
    note(text, slugs = []) {
      const entry = { at: now(), text, slugs };
      entries.push(entry);
      onEntry(entry);
    },
    entries: () => entries,
  };
}

export function renderEntry({ at, text, slugs }: JournalEntry): string {
  return `${at.toISOString().slice(11, 23)}  ${text}${slugs.length > 0 ? ` (${slugs.join(", ")})` : ""}`;
}
