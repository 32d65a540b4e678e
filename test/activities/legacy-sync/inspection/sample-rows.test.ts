import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { inspectServer } from '../../../../src/activities/legacy-sync/inspection/inspect-server.ts';
import { runMariadb } from '../../../../src/stack/servers/mariadb-client.ts';
import { sharedStack } from '../../../support/stack.ts';
import { fillGps, type LegacyHostFixture, legacyHostFixture } from '../legacy-host/legacy-host-fixture.ts';

const { mariadb } = sharedStack();
let fixture: LegacyHostFixture;
beforeAll(async () => {
  fixture = await legacyHostFixture();
  const { database } = fixture;
  await runMariadb(mariadb, 'SET GLOBAL userstat = ON');
  await fillGps(database, 50_000, 2, 'behind');
  await database.query(
    `CREATE VIEW minutely AS SELECT MAX(id) AS id, vehicle_id, MAX(ts) AS ts, AVG(lat) AS lat, AVG(lon) AS lon FROM behind GROUP BY vehicle_id, id DIV 2;
     CREATE VIEW through AS SELECT id, vehicle_id, ts, lat, lon FROM behind;
     GRANT SHOW VIEW ON ${database.name}.* TO '${database.user}'@'127.0.0.1'`,
  );
});
afterAll(async () => {
  await runMariadb(mariadb, 'SET GLOBAL userstat = OFF');
  await fixture.close();
});

const inspect = (table: string) => {
  const { columns: _columns, timeZone: _timeZone, database, ...server } = fixture.server;
  return inspectServer(fixture.hosts, { server, database, table, timeZone: 'UTC' });
};

/** Rows that the test's own user has made the server read. */
async function rowsRead(): Promise<number> {
  const { user } = fixture.database;
  const [read] = (
    await runMariadb(mariadb, `SELECT rows_read FROM information_schema.user_statistics WHERE user = '${user}'`)
  ).split('\n');
  return Number(read);
}

test('a view that reads all behind it for a few rows is not sampled, and it is said why', async () => {
  const { steps, proposal } = await inspect('minutely');
  expect(await rowsRead()).toBeLessThan(5_000);
  expect(proposal?.unsure).toContainEqual(expect.stringMatching(/^no row of minutely was read, .*it is a view/));
  expect(proposal?.rows).toEqual([]);
  expect(proposal?.server?.columns).toMatchObject({ id: 'id', vehicle: 'vehicle_id', time: 'ts' });
  expect(steps.at(-1)).toMatch(/^read 0 rows of /);
});

test('a view that an index behind it serves is sampled', async () => {
  const { proposal } = await inspect('through');
  expect(proposal?.rows).toHaveLength(5);
  expect(proposal?.unsure).not.toContainEqual(expect.stringMatching(/was read/));
  expect(await rowsRead()).toBeGreaterThan(0);
});
