import type { Day } from './buckets.ts';

export interface SourceRow {
  id: string;
  day: Day;
  hash: string;
}

export interface TargetRow extends SourceRow {
  /** With the id, what tells the row apart in `positions`; ISO 8601. */
  time: string;
}

/** A row of `positions` that the source does not have, or has otherwise. */
export interface OldRow {
  id: string;
  time: string;
}

/** What differs on one day. A row is at most one of these; one that moved to another day is changed, on the source's day. */
export interface DayDifferences {
  day: Day;
  missing: string[];
  changed: string[];
  quarantined: string[];
  extra: OldRow[];
  /** Of changed rows, what is in `positions` now. */
  old: OldRow[];
}

/** Compares rows of the same days by their id. `isQuarantined`: the row is kept there, so that it is not missing. */
export function compareRows(
  source: Iterable<SourceRow>,
  target: Iterable<TargetRow>,
  isQuarantined: (id: string) => boolean,
): DayDifferences[] {
  const there = new Map<string, SourceRow>();
  for (const row of source) there.set(row.id, row);
  const arrived = new Set<string>();
  const others: TargetRow[] = [];
  for (const row of target) {
    const match = there.get(row.id);
    // A row whose time changed at the source may be here twice; the one that is the same counts.
    if (match !== undefined && match.hash === row.hash && match.day === row.day && !arrived.has(row.id)) {
      arrived.add(row.id);
    } else others.push(row);
  }
  const days = new Map<Day, DayDifferences>();
  const of = (day: Day): DayDifferences => {
    const known = days.get(day) ?? { day, missing: [], changed: [], quarantined: [], extra: [], old: [] };
    days.set(day, known);
    return known;
  };
  const changed = new Set<string>();
  for (const { id, time, day } of others) {
    const match = there.get(id);
    if (match === undefined || arrived.has(id)) of(day).extra.push({ id, time });
    else {
      of(match.day).old.push({ id, time });
      if (!changed.has(id)) of(match.day).changed.push(id);
      changed.add(id);
    }
  }
  for (const { id, day } of there.values()) {
    if (arrived.has(id) || changed.has(id)) continue;
    of(day)[isQuarantined(id) ? 'quarantined' : 'missing'].push(id);
  }
  return [...days.values()].sort((one, other) => (one.day ?? -1) - (other.day ?? -1));
}
