import { chooseReader } from '../../src/activities/legacy-sync/legacy-host/choose-reader.ts';
import { differingDays } from '../../src/activities/legacy-sync/reconciliation/buckets.ts';
import { comparedBounds } from '../../src/activities/legacy-sync/reconciliation/compared-bounds.ts';
import { comparedRow } from '../../src/activities/legacy-sync/reconciliation/compared-row.ts';
import { quickRow } from '../../src/activities/legacy-sync/reconciliation/quick-row.ts';
import { quickTargetBuckets } from '../../src/activities/legacy-sync/reconciliation/quick-target.ts';
import { sharedBuckets } from '../../src/activities/legacy-sync/reconciliation/source-slices.ts';
import { sourceBuckets } from '../../src/activities/legacy-sync/reconciliation/source-sql.ts';
import { zoneOffsets } from '../../src/activities/legacy-sync/reconciliation/zone-offsets.ts';
import { readLegacyServer } from '../../src/records/legacy-servers.ts';
import { readLegacyTable } from '../../src/records/legacy-tables.ts';
import { readVehicles } from '../../src/records/vehicles.ts';
import { runMariadb } from '../../src/stack/servers/mariadb-client.ts';
import type { Fleet } from './fleet.ts';

/** The days of a vehicle, `vehicle day`, on which the quick sums of both sides differ: what they alone say, before any row is looked at. */
export async function daysOfOtherSums(
  { pool, stack, server: { id } }: Fleet,
  table: string,
  vehicleIds: readonly string[],
): Promise<string[]> {
  const server = await readLegacyServer(pool, id);
  const { columns: tableColumns, engine = null } = (await readLegacyTable(pool, id, table))!;
  const reader = chooseReader('auto', { engine, columns: tableColumns }, server.columns).kind;
  const offsets = zoneOffsets(server.timeZone, Date.now());
  const row = comparedRow({ server, tableColumns, reader, offsets });
  if ('unsaid' in row) throw new Error(`MySQL cannot say ${row.unsaid.join()}.`);
  const quick = quickRow(row.fields);
  const { timeZone } = server;
  const vehicles = await readVehicles(pool, [...vehicleIds]);
  const bounds = await comparedBounds(pool, { vehicles, timeZone, days: null });
  const asked = vehicles.map((vehicle) => ({ vehicle, ...bounds.get(vehicle.id)! }));
  const access = {
    server,
    row: { ...row.source, sum: quick.source },
    days: null,
    ask: async (statements: readonly { sql: string }[]) => {
      const sql = statements.map((statement) => statement.sql).join('\n');
      const answer = await runMariadb(stack.mariadb, sql, server.database);
      return answer.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]));
    },
  };
  const shared = asked.length > 1 && vehicles.every(({ legacyVehicleId }) => legacyVehicleId !== null);
  const there = shared ? await sharedBuckets(access, asked, tableColumns) : await sourceBuckets(access, asked);
  const signal = new AbortController().signal;
  // Fewer at once than there are: a COPY after the other.
  const pace = async (): Promise<void> => {};
  const target = { pool, timeZone, row: quick, offsets, days: null, signal, pace, vehiclesAtOnce: 2 };
  const arrived = await quickTargetBuckets(target, asked);
  return vehicleIds.flatMap((vehicle) =>
    differingDays(there.get(vehicle)!, arrived.get(vehicle)!).map((day) => `${vehicle} ${day}`),
  );
}
