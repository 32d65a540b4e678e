import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { runMariadb } from '../../src/stack/servers/mariadb-client.ts';
import { isFailureCode } from '../../src/errors.ts';
import { eventually } from './eventually.ts';
import { type Fleet, TABLE } from './fleet.ts';
import { processes } from './hold-dump.ts';

/**
 * Checks what must hold after every fault, once its run is over. All legacy rows of the `complete` vehicles are there (I1); no row of any
 * vehicle is there twice (I2); no file, process, claim or permit of a dead owner is left (I3); every failure has a code (I5).
 */
export async function expectInvariants(fleet: Fleet, complete: string[]): Promise<void> {
  await expectNothingLost(fleet, complete);
  await expectNothingTwice(fleet);
  await expectNoOrphans(fleet);
  await expectFailuresNamed(fleet);
}

interface Sums {
  rows: string;
  ids: string;
  places: string;
}

async function expectNothingLost(fleet: Fleet, vehicleIds: string[]): Promise<void> {
  for (const vehicleId of vehicleIds) {
    const source = await legacySums(fleet, vehicleId);
    expect({ vehicleId, ...(await importedSums(fleet, vehicleId)) }).toEqual({ vehicleId, ...source });
  }
}

/** Count, sum of ids and sum of coordinates in 1e-7 degrees: as whole numbers these are the same in both databases. */
async function legacySums(fleet: Fleet, vehicleId: string): Promise<Sums> {
  const output = await runMariadb(
    fleet.stack.mariadb,
    `SELECT COUNT(*), COALESCE(SUM(id), 0), COALESCE(SUM(CAST(ROUND(latitude * 1e7) AS SIGNED) + CAST(ROUND(longitude * 1e7) AS SIGNED)), 0)
       FROM ${TABLE} WHERE vehicle_id = ${vehicleId};`,
    fleet.legacy.name,
  );
  const [rows = '', ids = '', places = ''] = output.trim().split('\t');
  return { rows, ids, places };
}

async function importedSums(fleet: Fleet, vehicleId: string): Promise<Sums> {
  const { rows } = await fleet.pool.query<Sums>(
    `SELECT count(*)::text AS rows, coalesce(sum(legacy_id), 0)::text AS ids,
            coalesce(sum(round(latitude * 1e7)::bigint + round(longitude * 1e7)::bigint), 0)::text AS places
       FROM positions WHERE vehicle_id = $1`,
    [vehicleId],
  );
  return rows[0]!;
}

async function expectNothingTwice({ pool }: Fleet): Promise<void> {
  const doubled = await pool.query(
    'SELECT vehicle_id, legacy_id, count(*) FROM positions GROUP BY 1, 2 HAVING count(*) > 1',
  );
  expect(doubled.rows).toEqual([]);
  const unbalanced = await pool.query(
    `SELECT vehicle_id, positions, ledger FROM
       (SELECT vehicle_id, count(*) AS positions FROM positions GROUP BY 1) AS p
       FULL JOIN (SELECT vehicle_id, sum(inserted) AS ledger FROM import_ledger GROUP BY 1) AS l USING (vehicle_id)
      WHERE positions IS DISTINCT FROM ledger AND NOT (positions IS NULL AND ledger = 0)`,
  );
  expect(unbalanced.rows).toEqual([]);
}

/** Waits, because cleaning up takes a moment longer than the run. */
export async function expectNoOrphans(fleet: Fleet): Promise<void> {
  await eventually(
    async () => {
      expect({ remote: filesBelow(fleet.remoteDir), local: localFiles(fleet.stagingDir) }).toEqual({
        remote: [],
        local: [],
      });
      expect(remoteProcesses(fleet)).toEqual([]);
      const { rows } = await fleet.pool.query(
        `SELECT 'claim' AS kind, vehicle_id::text AS of FROM vehicle_syncs WHERE state = 'claimed'
         UNION ALL SELECT kind, holder FROM server_permits WHERE kind = 'transfer' AND lease_until > now()
         UNION ALL SELECT 'run', run_id::text FROM sync_runs WHERE state = 'running'`,
      );
      expect(rows).toEqual([]);
    },
    { withinMs: 10_000, everyMs: 100 },
  );
}

async function expectFailuresNamed({ pool }: Fleet): Promise<void> {
  const { rows } = await pool.query<{ code: string; message: string | null }>(
    `SELECT failure_code AS code, failure_message AS message FROM vehicle_syncs WHERE status = 'failed'`,
  );
  for (const { code, message } of rows) {
    expect({ code, known: isFailureCode(code) }).toEqual({ code, known: true });
    expect(message).toMatch(/\S{3}/);
  }
}

export function localFiles(stagingDir: string): string[] {
  return filesBelow(stagingDir).filter((name) => name !== 'host-id');
}

/** Every file and folder below; an empty folder of ours is an orphan, too. */
export function filesBelow(dir: string): string[] {
  return namesIn(dir)
    .flatMap((entry) => {
      const below = entry.isDirectory() ? filesBelow(join(dir, entry.name)) : [];
      return [entry.name, ...below.map((name) => join(entry.name, name))];
    })
    .sort();
}

/** readdir's own recursion would throw when a folder is removed while it is read. */
function namesIn(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Finds our scripts on the legacy host by the dump directory on their command line. */
function remoteProcesses(fleet: Fleet): string[] {
  return processes()
    .filter(({ command }) => command.startsWith('sh -c') && command.includes(fleet.remoteDir))
    .map(({ command }) => command.slice(0, 200));
}
