import type { KeptDay } from '../records/reconciled-days.ts';
import type { ReconciledVehicle } from '../records/reconciled-vehicles.ts';
import type { Reconciliation } from '../records/reconciliations.ts';
import { count } from './figures.ts';
import { plainTable } from './run-table.ts';

/** Prints what was found; false: something differs, or was not compared. */
export function showReconciliation(found: Reconciliation, differing: readonly ReconciledVehicle[]): boolean {
  const { state, compared, vehicles, sourceRows, targetRows, startedAt, finishedAt } = found;
  const tookMs = (finishedAt?.getTime() ?? Date.now()) - startedAt.getTime();
  const perMillion = sourceRows === 0 ? 0 : (tookMs / 1_000 / sourceRows) * 1e6;
  console.log(`${state}: ${compared} of ${vehicles} vehicles compared, ${found.failed} could not be`);
  console.log(
    `${count(sourceRows)} rows at the source, ${count(targetRows)} here; ${perMillion.toFixed(1)} s per million rows`,
  );
  console.log(
    `missing ${count(found.missing)}, changed ${count(found.changed)}, extra ${count(found.extra)}, in quarantine ${count(found.quarantined)}`,
  );
  if (differing.length === 0) return state === 'completed';
  const cells = differing.map((each) => [
    each.vehicleId,
    each.label,
    String(each.missing),
    String(each.changed),
    String(each.extra),
    each.failure === null ? each.findings.join('; ') : `${each.failure.code}: ${each.failure.message}`,
  ]);
  console.log(plainTable(['vehicle', 'label', 'missing', 'changed', 'extra', 'found'], cells, 6));
  return false;
}

/** Ids of a day and kind that are printed. */
const IDS_SHOWN = 5;

export function showReconciledDays(days: readonly KeptDay[]): void {
  if (days.length === 0) return console.log('No day of this vehicle differs.');
  const shown = (ids: readonly string[]): string =>
    ids.length === 0
      ? '–'
      : `${ids.length}: ${ids.slice(0, IDS_SHOWN).join(', ')}${ids.length > IDS_SHOWN ? ' …' : ''}`;
  const cells = days.map((day) => [
    day.day === '-infinity' ? 'no time' : day.day,
    `${day.sourceRows} / ${day.targetRows}`,
    shown(day.missing),
    shown(day.changed),
    shown(day.extra.map(({ id }) => id)),
    shown(day.quarantined),
    day.repairedAt?.toISOString() ?? '–',
  ]);
  console.log(plainTable(['day', 'source / here', 'missing', 'changed', 'extra', 'quarantined', 'repaired'], cells, 7));
}
