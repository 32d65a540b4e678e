// What is known of a run's bars. After the first time, only those that were open or have ended since are asked for.

const PAGE = 2_000;

export function createTimelineBars(api) {
  let runId = null;
  let bars = new Map();
  let since = null;

  /** Reads what has changed. False: another run was asked for meanwhile. */
  const load = async (wanted, signal) => {
    if (wanted !== runId) [runId, bars, since] = [wanted, new Map(), null];
    const open = new Set([...bars].flatMap(([key, { endedAt }]) => (endedAt === null ? [key] : [])));
    const from = since === null ? '' : `&since=${encodeURIComponent(since)}`;
    let [after, next] = ['', null];
    do {
      const path = `/api/v1/legacy-sync/runs/${wanted}/timeline?limit=${PAGE}${from}${after}`;
      const answer = await api.get(path, { signal });
      if (wanted !== runId) return false;
      if (after === '') next = answer.since;
      for (const bar of answer.bars) {
        const key = `${bar.slot}.${bar.sequence}`;
        bars.set(key, timed(bar));
        open.delete(key);
      }
      after = answer.next === null ? null : `&after=${answer.next}`;
    } while (after !== null);
    // What was open and is told no more was put back.
    for (const key of open) bars.delete(key);
    since = next;
    return true;
  };
  return { load, inOrder: () => [...bars.values()].toSorted((a, b) => a.slot - b.slot || a.sequence - b.sequence) };
}

const timed = (bar) => ({
  ...bar,
  from: Date.parse(bar.startedAt),
  to: bar.endedAt === null ? null : Date.parse(bar.endedAt),
});

/** For how long the slot had it, up to now where it still has. */
export const heldMs = ({ from, to }, now) => Math.max(0, (to ?? now) - from);
