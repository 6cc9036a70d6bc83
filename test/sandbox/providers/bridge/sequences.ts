/** Which members of two lists differ, as the bridge tells them: by place for lists, by content for sets. */

/** Indices in the old list that are gone and in the new list that came, by a shortest edit of one into the other. */
export function editList(
  old: readonly unknown[],
  wanted: readonly unknown[],
  same: (a: unknown, b: unknown) => boolean,
): { removed: number[]; added: number[] } {
  const lengths = commonLengths(old, wanted, same);
  const removed: number[] = [];
  const added: number[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < wanted.length) {
    if (i < old.length && j < wanted.length && same(old[i], wanted[j])) {
      i += 1;
      j += 1;
    } else if (j < wanted.length && (i === old.length || at(lengths, i, j + 1) >= at(lengths, i + 1, j))) {
      added.push(j++);
    } else {
      removed.push(i++);
    }
  }
  return { removed, added };
}

/** `lengths[i][j]`: longest common subsequence of what follows `i` and `j`. */
function commonLengths(
  old: readonly unknown[],
  wanted: readonly unknown[],
  same: (a: unknown, b: unknown) => boolean,
): number[][] {
  const lengths = Array.from({ length: old.length + 1 }, () =>
    Array.from({ length: wanted.length + 1 }, () => 0),
  );
  for (let i = old.length - 1; i >= 0; i -= 1) {
    const row = lengths[i] ?? [];
    for (let j = wanted.length - 1; j >= 0; j -= 1) {
      row[j] = same(old[i], wanted[j])
        ? at(lengths, i + 1, j + 1) + 1
        : Math.max(at(lengths, i + 1, j), at(lengths, i, j + 1));
    }
  }
  return lengths;
}

function at(lengths: readonly (readonly number[])[], i: number, j: number): number {
  return lengths[i]?.[j] ?? 0;
}

/** The same for sets: order says nothing. */
export function editSet(
  old: readonly unknown[],
  wanted: readonly unknown[],
  same: (a: unknown, b: unknown) => boolean,
): { removed: number[]; added: number[] } {
  const left = new Set(old.keys());
  const added: number[] = [];
  for (const [index, member] of wanted.entries()) {
    const match = [...left].find((candidate) => same(old[candidate], member));
    if (match === undefined) added.push(index);
    else left.delete(match);
  }
  return { removed: [...left], added };
}
