import type pg from 'pg';
import { markExtra } from '../../../records/extra-positions.ts';
import { keepQuarantined, type RefusedRow } from '../../../records/quarantine.ts';
import { claimRepair, type DayKey, deleteReplaced, type KeptDay } from '../../../records/reconciled-days.ts';
import { latestRunOf } from '../../../records/vehicle-syncs.ts';
import type { SlotBuffers } from '../../../settings/slot-buffers.ts';
import { TUPLE_COLUMNS } from '../../../settings/position-columns.ts';
import { startCopy } from '../load/copy-in.ts';
import { openStaging, STAGING_TABLE } from '../load/staged-rows.ts';
import { repairing } from './repairing.ts';

interface RepairedDay {
  key: DayKey;
  day: KeptDay;
  tuples: readonly Buffer[];
  refused: readonly RefusedRow[];
  buffers: Pick<SlotBuffers, 'copyBytes'>;
}

/**
 * Brings a day in line in one transaction, once: the old rows go when the new ones are there, and rows that the source does not have are marked.
 * Of a row that the source has in a form which cannot be imported, what is here is no longer the source's either: it is marked.
 */
export const replaceDay = (pool: pg.Pool, { key, day, tuples, refused, buffers }: RepairedDay): Promise<void> =>
  repairing(pool, key.vehicleId, async (client) => {
    if (!(await claimRepair(client, key))) return;
    if (tuples.length > 0) await bringIn(client, key.vehicleId, { day, tuples, buffers });
    const unreadable = new Set(refused.map(({ legacyId }) => legacyId));
    const rows = [...day.extra, ...day.old.filter(({ id }) => unreadable.has(id))];
    await markExtra(client, { reconciliationId: key.reconciliationId, vehicleId: key.vehicleId, rows });
    const runId = refused.length > 0 ? await latestRunOf(client, key.vehicleId) : null;
    if (runId !== null) await keepQuarantined(client, { runId }, refused);
  });

async function bringIn(
  client: pg.PoolClient,
  vehicleId: string,
  { day, tuples, buffers }: Pick<RepairedDay, 'day' | 'tuples' | 'buffers'>,
): Promise<void> {
  await openStaging(client);
  const copy = startCopy(client, `${STAGING_TABLE} (${TUPLE_COLUMNS})`, buffers);
  await copy.write(Buffer.concat(tuples));
  await copy.end();
  await deleteReplaced(client, { vehicleId, old: day.old, staging: STAGING_TABLE });
  await client.query(
    `INSERT INTO positions (${TUPLE_COLUMNS}) SELECT ${TUPLE_COLUMNS} FROM ${STAGING_TABLE} ON CONFLICT DO NOTHING`,
  );
}
