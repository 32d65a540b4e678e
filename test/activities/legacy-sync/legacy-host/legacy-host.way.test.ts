import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { gunzipSync } from 'node:zlib';
import type { LegacyServer } from '../../../../src/settings/legacy-server.ts';
import { runMariadb } from '../../../../src/stack/servers/mariadb-client.ts';
import { sharedStack } from '../../../support/stack.ts';
import {
  fillGps,
  hostWithOptionFile,
  hostWithTool,
  type LegacyHostFixture,
  legacyHostFixture,
  vehicle,
} from './legacy-host-fixture.ts';

const { mariadb } = sharedStack();
let fixture: LegacyHostFixture;
const signal = new AbortController().signal;
const request = { vehicles: [{ vehicle: vehicle(1), fromId: '0', seen: null }], countCap: 10_000, signal };
const changed = (changes: Partial<LegacyServer>): LegacyServer => ({ ...fixture.server, ...changes });

beforeAll(async () => {
  fixture = await legacyHostFixture();
  await fillGps(fixture.database, 1_000, 3);
});
afterAll(() => fixture.close());

describe('TLS between the client and MySQL', () => {
  test('that the server does not speak is named, with the setting for it', async () => {
    const failing = fixture.hosts.of(changed({ mysqlTls: 'required' })).plan(request);
    await expect(failing).rejects.toMatchObject({ message: expect.stringMatching(/error 2026\. .*TLS.*mysqlTls/) });
  });

  test('can be switched off', async () => {
    const { vehicles } = await fixture.hosts.of(changed({ mysqlTls: 'off' })).plan(request);
    expect(vehicles).toEqual([expect.objectContaining({ newRows: 1_000 })]);
  });
});

test('a server from before utf8mb4 is refused with its version', async () => {
  const older = String.raw`/usr/bin/mariadb "$@" | sed 's/^\(#session\t\)[^\t]*/\15.1.73-log/'`;
  const { host, close } = await hostWithTool(fixture, 'mariadb', older);
  await expect(host.plan(request)).rejects.toMatchObject({
    code: 'InvalidConfiguration',
    message: expect.stringMatching(/version 5\.1\.73-log.*MySQL 5\.5\.3/),
  });
  await close();
});

describe('a server that overrides our character set', () => {
  const letters = 'Якутск, ул. Дзержинского';
  const runId = '7f0c1f5e-0000-4000-8000-000000000051';
  const range = { vehicle: vehicle(1, 'letters'), runId, cursor: '0', frozenTo: '1', newRows: 1 };

  beforeAll(async () => {
    await fixture.database.query(`
      CREATE TABLE letters (id BIGINT PRIMARY KEY, vehicle_id INT, ts DATETIME, lat DOUBLE, lon DOUBLE, note TEXT, KEY (vehicle_id, id));
      INSERT INTO letters VALUES (1, 1, NOW(), 1, 2, '${letters}');`);
    // For this test's user alone: every other test's sessions go by this server, too.
    const only = `IF(USER() LIKE '${fixture.database.user}@%', 'latin1', @@character_set_results)`;
    await runMariadb(mariadb, `SET GLOBAL init_connect = "SET character_set_results = ${only}"`);
  });
  afterAll(() => runMariadb(mariadb, "SET GLOBAL init_connect = ''"));

  test('is read by SELECT, planning says so, and every letter arrives', async () => {
    const host = fixture.hosts.of(changed({ id: 'latin' }));
    const { warnings, tables } = await host.plan({
      vehicles: [{ vehicle: range.vehicle, fromId: '0', seen: null }],
      countCap: 10,
      signal,
    });
    expect(warnings).toEqual([expect.stringMatching(/latin: MySQL speaks latin1.*read by SELECT/)]);
    const streamed = await host.streamDump({ ...range, tableColumns: tables[0]!.columns });
    expect(gunzipSync(streamed!.content).toString('utf8')).toContain(letters);
  });

  test('is refused where it had to be mysqldump, by planning and by an export', async () => {
    const host = fixture.hosts.of(changed({ id: 'latin-too' }));
    const refused = { code: 'InvalidConfiguration', message: expect.stringMatching(/mysqldump would write \?/) };
    fixture.settings.reader = 'mysqldump';
    const planning = host.plan({
      vehicles: [{ vehicle: range.vehicle, fromId: '0', seen: null }],
      countCap: 10,
      signal,
    });
    await expect(planning).rejects.toMatchObject(refused);
    await expect(host.streamDump({ ...range, tableColumns: [] })).rejects.toMatchObject(refused);
    fixture.settings.reader = 'auto';
  });
});

describe.each(['SET NAMES latin1', 'SET character_set_client = latin1'])(
  'a server whose init_connect is %s',
  (init) => {
    const table = `plates_${init.length}`;
    const plate = { ...vehicle(7, table), legacyVehicleId: 'Я 123 ЖЩ' };
    const runId = '7f0c1f5e-0000-4000-8000-000000000053';
    const range = { vehicle: plate, runId, cursor: '0', frozenTo: '100', newRows: 34 };
    const planned = { vehicles: [{ vehicle: plate, fromId: '0', seen: null }], countCap: 1_000, signal };

    beforeAll(async () => {
      await fixture.database.query(`
      CREATE TABLE ${table} (id BIGINT PRIMARY KEY, vehicle_id VARCHAR(20), ts DATETIME, lat DOUBLE, lon DOUBLE, KEY (vehicle_id, id));
      INSERT INTO ${table} SELECT seq, IF(seq % 3 = 1, 'Я 123 ЖЩ', 'А 1 БВ'), NOW(), 1, 2 FROM seq_1_to_100;`);
      // For this test's user alone: every other test's sessions go by this server, too.
      const only = `IF(USER() LIKE '${fixture.database.user}@%', '${init}', 'DO 0')`;
      await runMariadb(mariadb, `SET GLOBAL init_connect = "EXECUTE IMMEDIATE ${only}"`);
    });
    afterAll(() => runMariadb(mariadb, "SET GLOBAL init_connect = ''"));

    test('finds a vehicle by a key in Cyrillic letters: planning, a stream and a file have its rows', async () => {
      const host = fixture.hosts.of(changed({ id: table }));
      const { vehicles, tables, warnings } = await host.plan(planned);
      expect(vehicles).toEqual([expect.objectContaining({ newRows: 34 })]);
      expect(warnings).toEqual([expect.stringMatching(/MySQL speaks latin1.*read by SELECT/)]);
      const tableColumns = tables[0]!.columns;
      const rowsOf = (dump: Buffer) =>
        gunzipSync(dump)
          .toString('utf8')
          .match(/'Я 123 ЖЩ'/g)?.length;
      const streamed = await host.streamDump({ ...range, tableColumns });
      expect(rowsOf(streamed!.content)).toBe(34);
      const file = await host.exportToFile({ ...range, tableColumns, rangeRows: 1_000_000 });
      expect(file).toMatchObject({ rows: 34 });
      const content = Buffer.from(await fixture.remote(`base64 -w0 ${file!.file}`), 'base64');
      expect(rowsOf(content)).toBe(34);
      await host.removeFiles({ vehicleId: '7', runId });
    });
  },
);

describe('option files of the login, which log in where the server has no password reference', () => {
  const client = () => `[client]\npassword=${fixture.database.password}\n`;

  test('change neither what is asked nor what is dumped', async () => {
    const mysql =
      '[mysql]\nvertical\nraw\nsafe-updates\nselect-limit=5\nskip-line-numbers\ncolumn-type-info\n' +
      'auto-vertical-output\nbinary-as-hex\nshow-warnings\nforce\ndelimiter=//\ninit-command=SET NAMES latin1\n';
    const dump =
      '[mysqldump]\ncompact\nreplace\nskip-quote-names\nskip-opt\nno-data\nforce\nroutines\nevents\nwhere=1=0\n';
    const { host, close } = await hostWithOptionFile(fixture, client() + mysql + dump);
    try {
      expect((await host.plan(request)).vehicles).toEqual([
        { vehicleId: '1', newRows: 1_000, rereadRows: 0, capped: false, maxId: '2998' },
      ]);
      const runId = '7f0c1f5e-0000-4000-8000-000000000052';
      const range = { vehicle: vehicle(1), runId, cursor: '0', frozenTo: '2998', newRows: 1_000, tableColumns: [] };
      const told = gunzipSync((await host.streamDump(range))!.content).toString('utf8');
      const usual = gunzipSync((await fixture.host.streamDump(range))!.content).toString('utf8');
      expect(told).toBe(usual);
      expect(await host.exportToFile({ ...range, rangeRows: 1_000_000 })).toMatchObject({ rows: 1_000 });
      await host.removeFiles({ vehicleId: '1', runId });
    } finally {
      await close();
    }
  });

  test.each([
    ['[mysqldump]\nxml\nresult_file=/tmp/x\n', /they set xml, result-file for mysqldump/],
    ['[mysql]\nloose-verbose\n', /they set verbose for the mysql client/],
    ['[mysql]\nexecute=SELECT 1\ntee=/tmp/x\n', /they set execute, tee for the mysql client/],
  ])('are refused by the name of an option that no flag takes back: %j', async (options, named) => {
    const { host, close } = await hostWithOptionFile(fixture, client() + options);
    const failure = await host.plan(request).catch((error: unknown) => error);
    await close();
    expect(failure).toMatchObject({ code: 'InvalidConfiguration', message: expect.stringMatching(named) });
    expect(String(failure)).not.toContain(fixture.database.password);
  });
});
