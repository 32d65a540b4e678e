import { median } from './quantiles.ts';

/** A row as far as its id and its time tell in which order rows came. */
export interface IdentifiedRow {
  vehicle: string;
  seconds: number;
  /** null where it is no number. */
  id?: number | null;
}

/** Below this, chance alone may put the ids of a vehicle in any order. */
const FEWEST_ROWS = 60;

/**
 * Measures how ids and times grow together, as the median of the vehicles' rank correlations. It is 1 when each later row has a higher id. Near 0 the
 * ids say nothing of the order in which rows came, and no watermark can follow them. null: there are too few rows.
 */
export function idGrowth(rows: readonly IdentifiedRow[]): number | null {
  const vehicles = new Map<string, { id: number; seconds: number }[]>();
  for (const { vehicle, id, seconds } of rows) {
    if (id === undefined || id === null || Number.isNaN(id)) continue;
    const known = vehicles.get(vehicle) ?? [];
    known.push({ id, seconds });
    vehicles.set(vehicle, known);
  }
  const found = [...vehicles.values()].filter(({ length }) => length >= FEWEST_ROWS).map(rankCorrelation);
  return found.length === 0 ? null : median(found);
}

/** Spearman's rank correlation. */
function rankCorrelation(rows: readonly { id: number; seconds: number }[]): number {
  const [ids, times] = [ranks(rows.map(({ id }) => id)), ranks(rows.map(({ seconds }) => seconds))];
  const middle = (rows.length - 1) / 2;
  let [both, one, other] = [0, 0, 0];
  ids.forEach((id, at) => {
    both += (id - middle) * (times[at]! - middle);
    one += (id - middle) ** 2;
    other += (times[at]! - middle) ** 2;
  });
  // Rows of one moment have no order that ids could contradict.
  return one === 0 || other === 0 ? 1 : both / Math.sqrt(one * other);
}

/** The rank of each value; equal values share the mean of their ranks. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((value, at) => ({ value, at })).sort((a, b) => a.value - b.value);
  const result = Array.from<number>({ length: values.length });
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && order[to + 1]!.value === order[from]!.value) to += 1;
    for (let each = from; each <= to; each += 1) result[order[each]!.at] = (from + to) / 2;
    from = to + 1;
  }
  return result;
}
