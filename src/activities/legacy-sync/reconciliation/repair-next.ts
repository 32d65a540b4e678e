import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { Failure } from '../../../errors.ts';
import { type LegacyTable, readLegacyTable } from '../../../records/legacy-tables.ts';
import type { RefusedRow } from '../../../records/quarantine.ts';
import { type DayKey, daysToRepair, type KeptDay, readDay } from '../../../records/reconciled-days.ts';
import { readVehicle } from '../../../records/vehicles.ts';
import { slotBuffers } from '../../../settings/slot-buffers.ts';
import type { Vehicle } from '../../../settings/legacy-server.ts';
import type { ReconciliationActivities } from '../../../workflows/legacy-sync/activities.ts';
import { arrivedTuples } from './arrived-tuples.ts';
import { atServer, type ReconciledServer } from './at-server.ts';
import { readWindow, type Window, windowOf } from './read-window.ts';
import { heartbeating } from '../../heartbeating.ts';
import type { ReconciliationDependencies } from './reconciliation-dependencies.ts';
import { replaceDay } from './replace-day.ts';

/** Of one activity. */
const DAYS_AT_ONCE = 20;

/** Reads rows again that are missing or changed, and puts them in the place of the old ones, a day of a vehicle at a time. */
export function createRepairNext(deps: ReconciliationDependencies): ReconciliationActivities['repairNext'] {
  return ({ reconciliationId, serverId }) =>
    namingDatabaseFailures(`Repairing vehicles of ${serverId}`, () =>
      heartbeating(
        deps.heartbeat,
        () => 'working',
        async () => {
          const days = await daysToRepair(deps.pool, { reconciliationId, serverId, limit: DAYS_AT_ONCE + 1 });
          const now = days.slice(0, DAYS_AT_ONCE);
          if (now.length === 0) return { left: false };
          await atServer(deps, serverId, async (at) => {
            for (const day of now) await repairDay(deps, at, day);
          });
          return { left: days.length > now.length };
        },
      ),
    );
}

async function repairDay(deps: ReconciliationDependencies, at: ReconciledServer, key: DayKey): Promise<void> {
  const day = await readDay(deps.pool, key);
  if (day === null || day.repairedAt !== null) return;
  const vehicle = await readVehicle(deps.pool, key.vehicleId);
  const table = await tableOf(deps, vehicle);
  const found = await readAgain({ at, vehicle, table, reconciliationId: key.reconciliationId }, day);
  at.signal.throwIfAborted();
  await replaceDay(deps.importPool, { key, day, ...found, buffers: slotBuffers(deps.settings()) });
}

async function tableOf({ pool }: ReconciliationDependencies, { id, serverId, table }: Vehicle): Promise<LegacyTable> {
  const known = await readLegacyTable(pool, serverId, table);
  if (known !== null) return known;
  throw new Failure(
    'SchemaDrift',
    `Repairing vehicle ${id}: it is not known how ${table} looks. Sync the vehicle once.`,
  );
}

/** The rows of the day that are wanted, as they are at the source now. */
async function readAgain(
  source: Parameters<typeof readWindow>[0],
  { missing, changed }: KeptDay,
): Promise<{ tuples: Buffer[]; refused: RefusedRow[] }> {
  const wanted = new Set([...missing, ...changed]);
  const found = { tuples: [] as Buffer[], refused: [] as RefusedRow[] };
  for (const window of windowsAround([...wanted])) {
    for await (const { tuples, refused } of readWindow(source, window)) {
      for (const { id, bytes } of arrivedTuples(tuples)) if (wanted.has(id)) found.tuples.push(bytes);
      found.refused.push(...refused.filter(({ legacyId }) => legacyId !== null && wanted.has(legacyId)));
    }
  }
  return found;
}

const MOST_IDS = 5_000;
/** In a table that vehicles share, the ids of others lie between those of a vehicle. */
const WIDEST_GAP = 20_000n;

/** Stretches of ids in which these lie close together. */
export function windowsAround(ids: readonly string[]): Window[] {
  const sorted = ids.map(BigInt).sort((one, other) => (one < other ? -1 : 1));
  const windows: { first: bigint; last: bigint; ids: number }[] = [];
  for (const id of sorted) {
    const last = windows.at(-1);
    if (last !== undefined && id - last.last <= WIDEST_GAP && last.ids < MOST_IDS) {
      last.last = id;
      last.ids += 1;
    } else windows.push({ first: id, last: id, ids: 1 });
  }
  return windows.map(({ first, last }) => windowOf(first, last));
}
