import type { SetCounts } from '../../../records/datasets.ts';

/**
 * Why a dataset is to be held for a person, or null. It is held when a set became empty, when there are no stops at all, or when a set lost
 * a larger share of its rows than `percent`: a source that loses data by accident looks like this.
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
