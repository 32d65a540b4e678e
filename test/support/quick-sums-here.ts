import { chooseReader } from '../../src/activities/legacy-sync/legacy-host/choose-reader.ts';
import { differingDays } from '../../src/activities/legacy-sync/reconciliation/buckets.ts';
import { comparedBounds } from '../../src/activities/legacy-sync/reconciliation/compared-bounds.ts';
import { comparedRow } from '../../src/activities/legacy-sync/reconciliation/compared-row.ts';
import { quickly } from '../../src/activities/legacy-sync/reconciliation/quick-buckets.ts';
import { zoneOffsets } from '../../src/activities/legacy-sync/reconciliation/zone-offsets.ts';
import { readLegacyServer } from '../../src/records/legacy-servers.ts';
import { readLegacyTable } from '../../src/records/legacy-tables.ts';
import { readVehicles } from '../../src/records/vehicles.ts';
import { runMariadb } from '../../src/stack/servers/mariadb-client.ts';
import type { Fleet } from './fleet.ts';

/** The days of a vehicle, `vehicle day`, on which the quick sums of both sides differ: what they alone say, before any row is looked at. */
export const daysOfOtherSums = async (fleet: Fleet, table: string, vehicleIds: readonly string[]): Promise<string[]> =>
  (await quickSumsHere(fleet, table, vehicleIds)).days;

/** The same, with how many statements asked for blocks, and how many for vehicles and days. */
export async function quickSumsHere(
  { pool, stack, server: { id } }: Fleet,
  table: string,
  vehicleIds: readonly string[],
  // A COPY for each vehicle.
  rowsAtOnce = 1,
): Promise<{ days: string[]; asked: { blocks: number; buckets: number } }> {
  const server = await readLegacyServer(pool, id);
  const { columns: tableColumns, engine = null } = (await readLegacyTable(pool, id, table))!;
  const reader = chooseReader('auto', { engine, columns: tableColumns }, server.columns).kind;
  const offsets = zoneOffsets(server.timeZone, Date.now());
  const row = comparedRow({ server, tableColumns, reader, offsets });
  if ('unsaid' in row) throw new Error(`MySQL cannot say ${row.unsaid.join()}.`);
  const { timeZone } = server;
  const vehicles = await readVehicles(pool, [...vehicleIds]);
  const bounds = await comparedBounds(pool, { vehicles, timeZone, days: null });
  const ask = async (sql: string): Promise<string[][]> => {
    const answer = await runMariadb(stack.mariadb, sql, server.database);
    return answer.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]));
  };
  const [[minId, maxId, rows] = []] = await ask(`SELECT MIN(id), MAX(id), COUNT(*) FROM ${table}`);
  const shared = vehicles.every(({ legacyVehicleId }) => legacyVehicleId !== null);
  const asked = { blocks: 0, buckets: 0 };
  const access = {
    source: {
      server,
      row: row.source,
      days: null,
      ask(statements: readonly { sql: string }[]) {
        asked.blocks += statements.filter(({ sql }) => sql.includes("'#s'")).length;
        asked.buckets += statements.filter(({ sql }) => sql.includes("'#b'")).length;
        return ask(statements.map(({ sql }) => sql).join('\n'));
      },
    },
    target: { pool, timeZone, row: row.target, days: null },
    fields: row.fields,
    offsets,
    columns: tableColumns,
    span: shared
      ? { minId: BigInt(minId!), maxId: BigInt(maxId!), rows: Number(rows), byVehicle: true, uniqueIds: true }
      : undefined,
    signal: new AbortController().signal,
    pace: async () => {},
    logger: { warn: () => {} },
    rowsAtOnce,
  };
  const found = await quickly(
    access,
    vehicles.map((vehicle) => ({ vehicle, ...bounds.get(vehicle.id)! })),
  );
  if (found === null) throw new Error('The server does not take the statements.');
  const days = vehicleIds.flatMap((vehicle) =>
    differingDays(found.source.get(vehicle)!, found.target.get(vehicle)!).map((day) => `${vehicle} ${day}`),
  );
  return { days, asked };
}
