import { expect, test } from '@jest/globals';
import { runMariadb } from '../../src/stack/servers/mariadb-client.ts';
import { type Fleet, TABLE, withFleet } from '../support/fleet.ts';
import { expectInvariants } from '../support/invariants.ts';

const ROWS = 400;
const NEW_ROWS = 60;

/** What a row is known by where there is no increasing integer. */
const BY_TIME = { time: 'device_time', format: 'datetime', columns: ['vehicle_id', 'device_time'] } as const;

test.concurrent.each([
  { point: 'transfer:done', streamMaxBytes: 0 },
  { point: 'import:before-commit', streamMaxBytes: 0 },
  { point: 'import:after-commit', streamMaxBytes: 0 },
  { point: 'import:after-commit', streamMaxBytes: 1_048_576 },
])(
  'kill -9 at $point of a table without an id (streamed up to $streamMaxBytes bytes): new and late rows are there once',
  ({ point, streamMaxBytes }) =>
    withFleet({ settings: { 'transfer.stream_max_bytes': streamMaxBytes } }, async (fleet) => {
      const [id] = (await fleet.addVehicles(1, { rows: ROWS })) as [string];
      await fleet.legacy.query(`CREATE INDEX by_time ON ${TABLE} (vehicle_id, device_time)`);
      await fleet.changeServer({
        columns: { ...fleet.server.columns, id: { ...BY_TIME, columns: [...BY_TIME.columns] } },
      });
      const first = await fleet.startWorker();
      expect(await (await fleet.start()).result()).toMatchObject({ completed: 1, rows: ROWS });
      await first.kill();

      await fleet.addRows(id, NEW_ROWS);
      // Within the overlap, between two rows that are there.
      await fleet.legacy.query(
        `INSERT INTO ${TABLE} (vehicle_id, device_time, latitude, longitude)
           SELECT ${id}, MAX(device_time) - INTERVAL 7 SECOND, 62.5, 129.5 FROM ${TABLE} WHERE vehicle_id = ${id} AND id <= ${ROWS};`,
      );
      const killed = await fleet.startWorker({ fault: point });
      const run = await fleet.start();
      await killed.ended;
      await fleet.startWorker();
      expect(await run.result()).toMatchObject({ completed: 1, failed: 0 });
      expect(await arrived(fleet, id)).toEqual(await atSource(fleet, id));
      await expectInvariants(fleet, []);
      expect(await (await fleet.start()).result()).toMatchObject({ completed: 0, upToDate: 1 });
    }),
  240_000,
);

/** Rows, and sums of instants and of places in 1e-7 degrees. */
async function atSource({ stack, legacy }: Fleet, vehicleId: string): Promise<string[]> {
  const output = await runMariadb(
    stack.mariadb,
    `SELECT COUNT(*), SUM(TIMESTAMPDIFF(SECOND, '1970-01-01 09:00:00', device_time)),
            SUM(CAST(ROUND(latitude * 1e7) AS SIGNED) + CAST(ROUND(longitude * 1e7) AS SIGNED))
       FROM ${TABLE} WHERE vehicle_id = ${vehicleId};`,
    legacy.name,
  );
  return output.trim().split('\t');
}

async function arrived({ pool }: Fleet, vehicleId: string): Promise<string[]> {
  const { rows } = await pool.query<{ sums: string[] }>(
    `SELECT ARRAY[count(*), sum(extract(epoch FROM time)::bigint),
                  sum(round(latitude * 1e7)::bigint + round(longitude * 1e7)::bigint)]::text[] AS sums
       FROM positions WHERE vehicle_id = $1`,
    [vehicleId],
  );
  return rows[0]!.sums;
}
