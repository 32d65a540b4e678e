import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inProcessPermits } from '../../../../src/connections/ssh/in-process-permits.ts';
import type { HostLoad } from '../../../../src/pool/adaptive-limit.ts';
import { createLegacyHost } from '../../../../src/activities/legacy-sync/legacy-host/legacy-host.ts';
import { openLegacyHosts } from '../../../../src/activities/legacy-sync/legacy-host/legacy-hosts.ts';
import { readableHere } from '../../../../src/activities/legacy-sync/legacy-host/compression.ts';
import { transferPlaces } from '../../../../src/activities/legacy-sync/legacy-host/transfer-places.ts';
import { stackLegacyServer } from '../../../../src/emulators/legacy-server.ts';
import { type LegacyServer, legacyServerSchema, type Vehicle } from '../../../../src/settings/legacy-server.ts';
import { LEGACY_SYNC_SETTINGS, type LegacySyncSettings } from '../../../../src/settings/legacy-sync.ts';
import { openPool, silentLogger, sshTarget } from '../../../connections/ssh/ssh-fixture.ts';
import { type LegacyDatabase, legacyDatabase, type SharedStack, sharedStack } from '../../../support/stack.ts';

const defaults = Object.fromEntries(
  Object.entries(LEGACY_SYNC_SETTINGS).map(([key, setting]) => [key, setting.default]),
) as unknown as LegacySyncSettings;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export const COLUMNS = { id: 'id', vehicle: 'vehicle_id', time: 'ts', latitude: 'lat', longitude: 'lon' };

/** A legacy server on the test's sshd and MariaDB, a schema of the test's own, and a remote directory of its own. */
export async function legacyHostFixture(
  changes: Partial<Record<string, unknown>> = {},
  mariadb: SharedStack['mariadb'] = sharedStack().mariadb,
) {
  const { ssh } = sharedStack();
  const database = await legacyDatabase(mariadb);
  const settings: Writable<LegacySyncSettings> = { ...defaults };
  const localDir = mkdtempSync(join(tmpdir(), 'legacy-host-'));
  const server: LegacyServer = legacyServerSchema.parse({
    ...stackLegacyServer(
      { ssh },
      {
        id: 'depot',
        mysqlUser: database.user,
        mysqlPasswordRef: database.passwordRef,
        database: database.name,
        timeZone: 'Europe/Belgrade',
        remoteDirectory: `/tmp/fleetgraph-test-${randomUUID()}`,
      },
    ),
    columns: COLUMNS,
    ...changes,
  });
  const permits = inProcessPermits(() => 5);
  const transfers = inProcessPermits(() => settings.concurrentTransfers);
  const loads: HostLoad[] = [];
  const hosts = openLegacyHosts({
    onLoad: (_, load) => loads.push(load),
    settings: () => settings,
    permits: { connections: () => permits, transfers: { acquire: (_, signal) => transfers.acquire(signal) } },
    logger: silentLogger,
  });
  const pool = openPool(
    sshTarget(ssh),
    {},
    inProcessPermits(() => 5),
  );
  /** Runs a line on the legacy host as our login. */
  const remote = async (script: string): Promise<string> => {
    const { stdout, stderr, code } = await pool.withSession((shell) => shell.run(script, { timeoutMs: 60_000 }));
    if (code !== 0) throw new Error(`${script}: ${code} ${stderr}`);
    return stdout;
  };
  await mkdir(localDir, { recursive: true });
  return {
    server,
    database,
    settings,
    hosts,
    loads,
    host: hosts.of(server),
    pool,
    remote,
    localDir,
    permits,
    close: async () => {
      await remote(`rm -rf ${server.remoteDirectory}`);
      await Promise.all([hosts.close(), pool.close()]);
      await database.drop();
      rmSync(localDir, { recursive: true, force: true });
    },
  };
}

export type LegacyHostFixture = Awaited<ReturnType<typeof legacyHostFixture>>;

export function vehicle(id: number, table = 'gps', legacyVehicleId: string | null = String(id)): Vehicle {
  return {
    id: String(id),
    label: `bus ${id}`,
    serverId: 'depot',
    table,
    legacyVehicleId,
    partOf: null,
    priority: 0,
    enabled: true,
    watermark: '0',
  };
}

/** `rows` rows for each of `vehicles` vehicles, ids dealt out in turn: vehicle v has v, v + vehicles, … */
export async function fillGps(database: LegacyDatabase, rows: number, vehicles = 1, table = 'gps'): Promise<void> {
  await database.query(
    `CREATE TABLE ${table} (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, vehicle_id INT NOT NULL, ts DATETIME NOT NULL,
       lat DOUBLE, lon DOUBLE, note VARCHAR(200), KEY of_vehicle (vehicle_id, id)) ENGINE=InnoDB;
     INSERT INTO ${table} (vehicle_id, ts, lat, lon, note)
       SELECT (seq - 1) % ${vehicles} + 1, '2025-01-01' + INTERVAL seq SECOND, 44 + seq / 1e6, 20 + seq / 1e6, CONCAT('note ', MD5(seq))
       FROM seq_1_to_${rows * vehicles};
     ANALYZE TABLE ${table};`,
  );
}

/**
 * A host where `tool` does `body`. The tool is found through the command line we build, so this stands in for a broken or another tool on
 * the host, not for our script.
 */
export async function hostWithTool(fixture: LegacyHostFixture, tool: string, body: string) {
  const { dir, close } = await remoteFile(fixture, tool, `#!/bin/sh\n${body}\n`, 755);
  return { host: hostBehind(fixture, `PATH=${dir}:$PATH`), close };
}

/** A host whose login has this ~/.my.cnf, which is all that says how it logs in to MySQL. */
export async function hostWithOptionFile(fixture: LegacyHostFixture, content: string) {
  const { dir, close } = await remoteFile(fixture, '.my.cnf', content, 600);
  return { host: hostBehind(fixture, `export HOME=${dir}`, { mysqlPasswordRef: null }), close };
}

async function remoteFile(fixture: LegacyHostFixture, name: string, content: string, mode: number) {
  const dir = `/tmp/tools-${randomUUID()}`;
  const encoded = Buffer.from(content).toString('base64');
  await fixture.remote(`mkdir -p ${dir}; echo ${encoded} | base64 -d >${dir}/${name}; chmod ${mode} ${dir}/${name}`);
  return { dir, close: () => fixture.remote(`rm -rf ${dir}`) };
}

/** The fixture's host, where `prefix` stands before each of our scripts. */
function hostBehind(fixture: LegacyHostFixture, prefix: string, changes: Partial<LegacyServer> = {}) {
  const server = { ...fixture.server, ...changes };
  const pool: typeof fixture.pool = {
    ...fixture.pool,
    withSession: (fn, options) =>
      fixture.pool.withSession(
        (shell) =>
          fn({ ...shell, hostKey: shell.hostKey, run: (script, run) => shell.run(`${prefix}\n${script}`, run) }),
        options,
      ),
  };
  return createLegacyHost({
    pool,
    target: {
      id: 'depot',
      host: '',
      port: 0,
      user: '',
      readKey: async () => Buffer.alloc(0),
      hostKeyFingerprints: [],
      legacyAlgorithms: false,
    },
    server,
    settings: () => fixture.settings,
    transfers: transferPlaces({ acquire: () => fixture.permits.acquire() }, 'depot'),
    readPassword: async () => (server.mysqlPasswordRef === null ? null : fixture.database.password),
    readable: readableHere(),
    logger: silentLogger,
  });
}
