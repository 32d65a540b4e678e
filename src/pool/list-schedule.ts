/** A vehicle or slice, and how long it is expected to take. */
export interface ListedWork {
  serverId: string;
  ms: number;
}

export interface Places {
  slots: number;
  /** How many may be in flight at a server. */
  limitOf: (serverId: string) => number;
}

/** More slots must make a run shorter by more than this, or they are not opened: each costs a workflow, and its claims. */
const WORTH = 0.05;

/**
 * Returns how long work takes when each free slot takes the longest item that is left: the time with all slots, or the time that one server needs
 * with its places, whichever is longer. A simulation of both at once would differ by a few percent, in either direction.
 */
export function listedMs(work: readonly ListedWork[], { slots, limitOf }: Places): number {
  const byServer = new Map<string, number[]>();
  for (const { serverId, ms } of work) {
    const own = byServer.get(serverId);
    if (own) own.push(ms);
    else byServer.set(serverId, [ms]);
  }
  const all = work.map(({ ms }) => ms);
  const servers = [...byServer].map(([id, own]) => longestFirst(own, Math.min(slots, limitOf(id))));
  return Math.max(longestFirst(all, slots), ...servers);
}

/** The fewest slots with which the work takes hardly longer than with all of them. */
export function slotsWorthOpening(work: readonly ListedWork[], { slots, limitOf }: Places): number {
  const most = Math.max(1, Math.min(slots, work.length));
  const enough = listedMs(work, { slots: most, limitOf }) * (1 + WORTH);
  let [few, many] = [1, most];
  while (few < many) {
    const middle = (few + many) >> 1;
    if (listedMs(work, { slots: middle, limitOf }) <= enough) many = middle;
    else few = middle + 1;
  }
  return many;
}

/**
 * Takes the items that end within `windowMs`, in the order in which they are claimed: each goes to the slot that is free first, or is left. After one
 * that is left, a smaller one may still fit.
 */
export function endingWithin<T extends { ms: number }>(
  inOrder: readonly T[],
  { slots, windowMs }: { slots: number; windowMs: number },
): { taken: T[]; left: T[] } {
  const free = allFree(slots);
  const [taken, left]: [T[], T[]] = [[], []];
  for (const each of inOrder) {
    const next = indexOfLeast(free);
    if (free[next]! + each.ms > windowMs) left.push(each);
    else {
      free[next]! += each.ms;
      taken.push(each);
    }
  }
  return { taken, left };
}

const allFree = (slots: number): number[] => Array.from({ length: Math.max(1, slots) }, () => 0);

function longestFirst(times: readonly number[], slots: number): number {
  const free = allFree(Math.min(slots, times.length));
  for (const ms of times.toSorted((a, b) => b - a)) free[indexOfLeast(free)]! += ms;
  return Math.max(0, ...free);
}

function indexOfLeast(values: readonly number[]): number {
  let least = 0;
  for (let index = 1; index < values.length; index += 1) if (values[index]! < values[least]!) least = index;
  return least;
}
