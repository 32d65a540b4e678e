import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { zstdDecompressSync } from '../../../support/zstd.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExportManifest } from '../../../../src/workflows/legacy-sync/activities.ts';
import { runMariadb } from '../../../../src/stack/servers/mariadb-client.ts';
import { eventually } from '../../../support/eventually.ts';
import { sharedStack } from '../../../support/stack.ts';
import { processesWith } from '../../../connections/ssh/ssh-fixture.ts';
import {
  fillGps,
  hostWithTool as hostWithToolOf,
  type LegacyHostFixture,
  legacyHostFixture,
  vehicle,
} from './legacy-host-fixture.ts';

const { mariadb } = sharedStack();
let fixture: LegacyHostFixture;
let runId: string;

beforeAll(async () => {
  fixture = await legacyHostFixture();
  await fillGps(fixture.database, 3_000, 2);
  await fillGps(fixture.database, 400_000, 1, 'big');
});
beforeEach(() => {
  runId = randomUUID();
  Object.assign(fixture.settings, { compression: 'zstd', minFreeBytes: 0, overlapIds: 100, exportTimeoutMs: 900_000 });
});
afterAll(() => fixture.close());

interface Options {
  of?: ReturnType<typeof vehicle>;
  cursor?: string;
  frozenTo?: string;
  rangeRows?: number | null;
  final?: boolean;
  signal?: AbortSignal;
  onProgress?: (bytes: number) => void;
}

function exportToFile({ of = vehicle(1), ...options }: Options = {}, host = fixture.host) {
  const range = { cursor: '0', frozenTo: '6000', rangeRows: 1_000_000, ...options };
  return host.exportToFile({ vehicle: of, tableColumns: [], runId, ...range });
}

async function exported(options: Options = {}): Promise<ExportManifest> {
  const manifest = await exportToFile(options);
  if (manifest === null) throw new Error('nothing was exported');
  return manifest;
}

const readRemote = async ({ file }: ExportManifest): Promise<Buffer> =>
  Buffer.from(await fixture.remote(`base64 -w0 ${file}`), 'base64');

const remoteFiles = async (): Promise<string[]> =>
  (await fixture.remote(`cd ${fixture.server.remoteDirectory} 2>/dev/null && find . -type f | sort`).catch(() => ''))
    .split('\n')
    .filter((line) => line.includes(runId));

/** Statements of ours that MariaDB is running now. */
async function dumping(): Promise<string[]> {
  const rows = await runMariadb(
    mariadb,
    `SELECT id FROM information_schema.processlist WHERE info LIKE '%fleetgraph ${runId}%' AND info NOT LIKE '%processlist%'`,
  );
  return String(rows).match(/\d+/g) ?? [];
}

describe('an exported range', () => {
  test('is one compressed dump of exactly these rows, proved by rows, size and SHA-256, ended by our trailer', async () => {
    const manifest = await exported({ cursor: '2000', frozenTo: '5999' });
    const content = await readRemote(manifest);
    expect(manifest).toEqual({
      file: `${fixture.server.remoteDirectory}/1/${runId}/2000-5999.sql.zst`,
      compression: 'zstd',
      fromId: '1901',
      watermark: '2000',
      toId: '5999',
      rows: 2_050,
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
      last: true,
    });
    const sql = zstdDecompressSync(content).toString('utf8');
    expect(sql.endsWith('\n-- fleetgraph rc=0\n')).toBe(true);
    expect(sql).toContain('INSERT INTO `gps` (`id`, `vehicle_id`, `ts`, `lat`, `lon`, `note`) VALUES');
    const ids = [...sql.matchAll(/^\(?(?:INSERT.*VALUES\s*)?\(?(\d+),1,'/gm)].map((match) => Number(match[1]));
    expect(ids).toHaveLength(2_050);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect([ids[0], ids.at(-1)]).toEqual([1901, 5999]);
  });

  test.each(['gzip', 'lz4', 'none'] as const)('comes as %s where the setting asks for it', async (compression) => {
    fixture.settings.compression = compression;
    const manifest = await exported();
    expect(manifest).toMatchObject({ compression, rows: 3_000 });
    expect(
      createHash('sha256')
        .update(await readRemote(manifest))
        .digest('hex'),
    ).toBe(manifest.sha256);
  });

  test('comes from gzip when it has few rows and from zstd when it has many, where the setting leaves it to us', async () => {
    fixture.settings.compression = 'auto';
    expect(await exported({ frozenTo: '600' })).toMatchObject({ compression: 'gzip', rows: 300 });
    const many = await exported({ of: vehicle(1, 'big'), frozenTo: '50000' });
    expect(many).toMatchObject({ compression: 'zstd', rows: 50_000 });
  });

  test('ends at the frozen bound when it is known that no more is left than a range', async () => {
    expect(await exported({ rangeRows: null, cursor: '2000' })).toMatchObject({
      toId: '6000',
      rows: 2_050,
      last: true,
    });
  });

  test('ends after rangeRows rows above the cursor, and the next one begins there', async () => {
    const first = await exported({ rangeRows: 1_000, frozenTo: '5999' });
    const second = await exported({ cursor: first.toId, rangeRows: 1_000, frozenTo: '5999' });
    const third = await exported({ cursor: second.toId, rangeRows: 1_000, frozenTo: '5999' });
    expect([first, second, third].map(({ toId, rows, last }) => ({ toId, rows, last }))).toEqual([
      { toId: '1999', rows: 1_000, last: false },
      { toId: '3999', rows: 1_050, last: false },
      { toId: '5999', rows: 1_050, last: true },
    ]);
    expect(await exportToFile({ cursor: third.toId, frozenTo: '5999' })).toBeNull();
  });

  test('is null when no row is above the cursor, whatever lies in the overlap', async () => {
    expect(await exportToFile({ cursor: '5999', frozenTo: '6000' })).toBeNull();
    expect(await exportToFile({ of: vehicle(77) })).toBeNull();
  });

  test('lies in a directory that only the login may read', async () => {
    const { file } = await exported();
    const [dir = ''] = file.split(/\/[^/]+$/);
    expect(await fixture.remote(`stat -c '%a' ${dir} ${file}`)).toBe('700\n600\n');
  });

  test('leaves no part and no process', async () => {
    await exported();
    expect(fixture.loads.at(-1)).toEqual({ loadPerCore: expect.any(Number), threadsRunning: expect.any(Number) });
    expect(await remoteFiles()).toEqual([`./1/${runId}/0-6000.sql.zst`, `./1/${runId}/0.manifest`, `./1/${runId}/pid`]);
    expect(processesWith(runId)).toEqual([]);
  });
});

describe('an earlier attempt', () => {
  test('that was complete is taken as it is', async () => {
    const first = await exported();
    const before = await fixture.remote(`stat -c '%i %Y %Z' ${first.file}`);
    expect(await exported()).toEqual(first);
    expect(await fixture.remote(`stat -c '%i %Y %Z' ${first.file}`)).toBe(before);
  });

  test('whose file was changed is made anew', async () => {
    const first = await exported();
    await fixture.remote(`printf x | dd of=${first.file} bs=1 seek=100 conv=notrunc 2>/dev/null`);
    const again = await exported();
    expect(again.rows).toBe(first.rows);
    expect(
      createHash('sha256')
        .update(await readRemote(again))
        .digest('hex'),
    ).toBe(again.sha256);
  });

  test('for another bound is not taken for this one', async () => {
    await exported({ frozenTo: '2000' });
    expect(await exported({ frozenTo: '6000' })).toMatchObject({ rows: 3_000, toId: '6000' });
  });

  test('that still runs is ended first: two attempts never write one file', async () => {
    await slowRemoteTool('zstd', async (host) => {
      const first = exportToFile({}, host);
      const outcome = first.catch((error: unknown) => error);
      await eventually(() => expect(processesWith(runId).length).toBeGreaterThan(0));
      await eventually(async () => expect((await remoteFiles()).some((file) => file.endsWith('.part'))).toBe(true));
      const second = await exported();
      expect(second.rows).toBe(3_000);
      expect(await outcome).toBeInstanceOf(Error);
      expect(
        createHash('sha256')
          .update(await readRemote(second))
          .digest('hex'),
      ).toBe(second.sha256);
    });
  });
});

/** Runs `work` with a host whose login finds a tool that hangs: the first export of ours with it never ends by itself. */
async function slowRemoteTool(tool: string, work: (host: typeof fixture.host) => Promise<void>): Promise<void> {
  const { host, close } = await hostWithTool(tool, 'sleep 300');
  try {
    await work(host);
  } finally {
    await close();
  }
}

const hostWithTool = (tool: string, body: string) => hostWithToolOf(fixture, tool, body);

describe('faults', () => {
  const big = { of: vehicle(1, 'big'), frozenTo: '400000' };

  test.each(['zstd', 'gzip'] as const)(
    'MySQL kills the dump behind %s: LegacyDatabaseUnavailable, nothing is kept',
    async (compression) => {
      fixture.settings.compression = compression;
      const { host, close } = await hostWithTool(compression, `sleep 1; exec /usr/bin/${compression} "$@"`);
      try {
        const failing = exportToFile(big, host).catch((error: unknown) => error);
        const killed = await eventually(async () => {
          const ids = await dumping();
          expect(ids).not.toEqual([]);
          return ids;
        });
        for (const id of killed) await runMariadb(mariadb, `KILL ${id}`).catch(() => {});
        expect(await failing).toMatchObject({ code: 'LegacyDatabaseUnavailable' });
        expect((await remoteFiles()).filter((file) => file.includes('.sql') || file.includes('manifest'))).toEqual([]);
      } finally {
        await close();
      }
    },
  );

  test.each([
    [
      'runs out of space',
      "head -c 1000 >/dev/null; echo 'zstd: error 70: Write error : cannot write block : No space left on device' >&2; exit 70",
    ],
    ['writes to a full device', 'exec /usr/bin/zstd "$@" >/dev/full'],
    ['meets a file size limit', 'ulimit -f 1; exec /usr/bin/zstd -q -19 -c'],
  ])('a compressor that %s: RemoteDiskFull, nothing is kept', async (_, body) => {
    const { host, close } = await hostWithTool('zstd', body);
    try {
      const failure = await exportToFile(big, host).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'RemoteDiskFull' });
      expect((await remoteFiles()).filter((file) => file.includes('.sql'))).toEqual([]);
    } finally {
      await close();
    }
  });

  test('a compressor that fails otherwise is ExportFailed, although mysqldump ended well', async () => {
    const { host, close } = await hostWithTool('zstd', 'cat >/dev/null; exit 3');
    try {
      await expect(exportToFile({}, host)).rejects.toMatchObject({
        code: 'ExportFailed',
        message: expect.stringContaining('compressor with 3'),
      });
    } finally {
      await close();
    }
  });

  test('a dump tool that fails without an error number of MySQL’s is ExportFailed', async () => {
    const { host, close } = await hostWithTool('mariadb-dump', '/usr/bin/mariadb-dump "$@" | head -c 5000; exit 2');
    try {
      await expect(exportToFile({}, host)).rejects.toMatchObject({
        code: 'ExportFailed',
        message: expect.stringContaining('mysqldump ended with 2'),
      });
    } finally {
      await close();
    }
  });

  test('too little free space to begin with: RemoteDiskFull before anything is written', async () => {
    fixture.settings.minFreeBytes = 1e15;
    await expect(exportToFile()).rejects.toMatchObject({ code: 'RemoteDiskFull' });
    expect((await remoteFiles()).filter((file) => file.includes('.sql'))).toEqual([]);
  });

  test('a table that went away is TableMissing, a column that went away is SchemaDrift', async () => {
    await expect(exportToFile({ of: vehicle(1, 'gone') })).rejects.toMatchObject({ code: 'TableMissing' });
    await fixture.database.query('CREATE TABLE other (id BIGINT PRIMARY KEY, bus INT)');
    await expect(exportToFile({ of: vehicle(1, 'other') })).rejects.toMatchObject({ code: 'SchemaDrift' });
  });

  test('longer than its time limit: ExportFailed, and nothing runs on', async () => {
    fixture.settings.exportTimeoutMs = 1_000;
    await slowRemoteTool('zstd', async (host) => {
      await expect(exportToFile({}, host)).rejects.toMatchObject({
        code: 'ExportFailed',
        message: expect.stringContaining('timeout_ms'),
      });
    });
    await eventually(() => expect(processesWith(runId)).toEqual([]));
  });

  test('cancelled: no remote process is left when the promise settles', async () => {
    await slowRemoteTool('zstd', async (host) => {
      const abort = new AbortController();
      const failing = exportToFile({ ...big, signal: abort.signal }, host).catch((error: unknown) => error);
      await eventually(async () => expect(await dumping()).not.toEqual([]));
      abort.abort(new Error('cancelled'));
      expect(await failing).toMatchObject({ message: 'cancelled' });
      expect(processesWith(runId)).toEqual([]);
      await eventually(async () => expect(await dumping()).toEqual([]));
    });
  });

  test.each([
    ['dumped again, so that the count is the file’s', false, 3_001],
    ['counted once where none can arrive any more, so that the import finds that they are others', true, 3_000],
  ])('rows that arrive in the range while it is dumped: %s', async (_what, final, counted) => {
    await fixture.database.query('DROP TABLE IF EXISTS late');
    await fixture.database.query('CREATE TABLE late LIKE gps; INSERT INTO late SELECT * FROM gps WHERE id % 2 = 1');
    const { host, close } = await hostWithTool('zstd', 'sleep 0.5; exec /usr/bin/zstd "$@"');
    try {
      const exporting = exportToFile({ of: vehicle(1, 'late'), final }, host);
      await eventually(async () => expect((await remoteFiles()).some((file) => file.endsWith('.part'))).toBe(true));
      await fixture.database.query("INSERT INTO late VALUES (500, 1, '2025-01-01', 1, 2, 'late')");
      const manifest = await exporting;
      const rows = zstdDecompressSync(await readRemote(manifest as ExportManifest))
        .toString()
        .match(/,1,'2025/g)?.length;
      expect(manifest?.rows).toBe(counted);
      // A final range's dump may have begun before the row came or after it.
      if (!final) expect(rows).toBe(counted);
    } finally {
      await close();
    }
  });
});

test('progress tells the bytes of the growing file', async () => {
  const seen: number[] = [];
  const { host, close } = await hostWithTool('zstd', 'tee /dev/null | { sleep 2.5; cat; }');
  try {
    await exportToFile({ of: vehicle(1, 'big'), frozenTo: '400000', onProgress: (bytes) => seen.push(bytes) }, host);
  } finally {
    await close();
  }
  expect(seen.length).toBeGreaterThanOrEqual(2);
});

test('the password is in no command line, no environment and no file while an export runs', async () => {
  const { host, close } = await hostWithTool('zstd', 'sleep 1.5; exec /usr/bin/zstd "$@"');
  const hits: string[] = [];
  const { password } = fixture.database;
  let looked = 0;
  let running = true;
  const exporting = exportToFile({ of: vehicle(1, 'big'), frozenTo: '400000' }, host).finally(() => (running = false));
  while (running) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
      for (const part of ['cmdline', 'environ']) {
        try {
          const text = readFileSync(`/proc/${pid}/${part}`, 'utf8');
          looked += text.includes(runId) ? 1 : 0;
          if (text.includes(password)) hits.push(`${part} of ${text.slice(0, 80)}`);
        } catch {
          // gone meanwhile, or a kernel thread
        }
      }
    }
    await sleep(5);
  }
  await exporting;
  await close();
  expect(looked).toBeGreaterThan(0);
  expect(hits).toEqual([]);
  await expect(fixture.remote(`grep -rl '${password}' ${fixture.server.remoteDirectory}`)).rejects.toThrow();
});

test.each(['mariadb', 'mariadb-dump'])(
  '%s is started with the password in neither arguments nor environment',
  async (tool) => {
    // The client blanks a password in its own arguments, so that a look from outside mostly comes too late: it is asked at its start.
    const record = `/tmp/record-${randomUUID()}`;
    const body = `cat /proc/$$/cmdline /proc/$$/environ >>${record}; exec /usr/bin/${tool} "$@"`;
    const { host, close } = await hostWithTool(tool, body);
    try {
      expect(await exportToFile({}, host)).toMatchObject({ rows: 3_000 });
      const seen = await fixture.remote(`tr '\\0' '\\n' <${record}; rm ${record}`);
      expect(seen).toContain('--user=');
      expect(seen).toContain('PATH=');
      expect(seen).not.toContain(fixture.database.password);
    } finally {
      await close();
    }
  },
);
