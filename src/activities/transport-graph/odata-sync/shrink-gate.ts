export interface SetCounts {
  stops: number;
  routes: number;
  flights: number;
}

/**
 * Why a dataset is to be held for a person, or null: a set that is empty and was not, no stops at all, or a larger share of a set's rows
 * gone than `percent`. What a source loses by accident looks like this.
 */
export function holdReason(now: SetCounts, before: SetCounts | null, percent: number): string | null {
  if (now.stops === 0) return 'there are no stops';
  if (before === null) return null;
  const reasons = (['stops', 'routes', 'flights'] as const).flatMap((set) => {
    const lost = before[set] - now[set];
    if (lost <= 0 || (now[set] > 0 && lost * 100 <= before[set] * percent)) return [];
    return [`${set} fell from ${before[set]} to ${now[set]}`];
  });
  return reasons.length === 0 ? null : reasons.join(', ');
}
