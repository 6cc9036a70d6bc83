/** The brake: many that fall ill at once are our own fault, and helping each of them would make it worse. Pure. */

export type BrakeCounts = {
  /** Instances that are read. */
  watched: number;
  /** Those of them whose last readings were bad, ill or about to be. */
  suspected: number;
  /** Those that no person has to look at anyway. */
  open: number;
  /** Open ones whose last reading reached nobody. */
  unreachable: number;
};

/** Engages at `from` of all, lets go below `until`; fewer than `least` are never many. */
export const brakePolicy = { least: 3, from: 0.2, until: 0.1 } as const;

/**
 * `suspected` counts from the second bad reading on: readings go round in turn, so that when the first instance of an outage gets
 * its third, all the others have their second.
 */
export function decideBrake(engaged: boolean, counts: BrakeCounts): boolean {
  const { watched, suspected } = counts;
  if (isDark(counts)) return true;
  if (watched === 0 || suspected < brakePolicy.least) return false;
  return suspected / watched >= (engaged ? brakePolicy.until : brakePolicy.from);
}

/** Nobody answers, however few there are: a worker without a network sees the same. Of a single one it says nothing. */
function isDark({ open, unreachable }: BrakeCounts): boolean {
  return open > 1 && unreachable === open;
}
