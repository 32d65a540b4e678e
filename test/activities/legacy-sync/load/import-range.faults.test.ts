import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { type ImportInput, importRange } from '../../../../src/activities/legacy-sync/load/import-range.ts';
import { Failure } from '../../../../src/errors.ts';
import { type FaultProxy, startFaultProxy } from '../../../support/fault-proxy.ts';
import { type FreshDatabase, freshDatabase, sharedStack } from '../../../support/stack.ts';
import { claimVehicle, type ImportFixture, rowsOf } from './import-fixture.ts';

let database: FreshDatabase;
let fixture: ImportFixture;
let proxy: FaultProxy;
/** A pool whose way to PostgreSQL leads through the proxy. */
let pool: pg.Pool;

beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  fixture = await claimVehicle(database.pool);
  const { host, port } = sharedStack().postgres;
  proxy = await startFaultProxy({ host, port });
  const url = new URL(database.url);
  url.port = String(proxy.port);
  pool = new pg.Pool({ connectionString: url.href, max: 3, connectionTimeoutMillis: 2_000 });
  pool.on('error', () => {});
});
afterEach(async () => {
  proxy.set({ kind: 'pass' });
  await pool.end();
  await proxy.close();
  await fixture.remove();
});

const failing = (code: string) => expect.objectContaining({ code });
const NOTHING = { positions: 0, ledger: 0, quarantine: 0, watermark: '0' };
const MANY = 60_000;
const many = (): Promise<ImportInput> => fixture.input(rowsOf(1, MANY), { toId: String(MANY) });

/** Calls `strike` once, in the middle of the COPY. */
function midway(input: ImportInput, strike: () => void): ImportInput {
  let struck = false;
  return {
    ...input,
    onProgress(rows) {
      if (struck || rows < MANY / 4) return;
      struck = true;
      strike();
    },
  };
}

async function expectClean(): Promise<void> {
  const { rows } = await database.pool.query(
    `SELECT state FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
  );
  expect(rows).toEqual([]);
  expect(pool.waitingCount).toBe(0);
}

describe('another transaction holds the vehicle', () => {
  test('an import whose worker stands still in the COPY: it is ended, and the successor imports everything once', async () => {
    const input = await many();
    let frozen = (): void => {};
    const stands = new Promise<void>((resolve) => (frozen = resolve));
    let woken = (): void => {};
    const wakes = new Promise<void>((resolve) => (woken = resolve));
    // As under SIGSTOP: the connection is there, and nothing more comes.
    const first = importRange({ pool, faultPoint: async () => (frozen(), wakes) }, input);
    first.catch(() => {});
    await stands;
    const begunAt = Date.now();
    expect(await importRange({ pool }, input)).toMatchObject({ inserted: MANY, duplicates: 0 });
    expect(Date.now() - begunAt).toBeLessThan(20_000);
    woken();
    // Its connection is gone, and the ledger tells it what its successor did.
    expect(await first).toMatchObject({ inserted: MANY, duplicates: 0 });
    expect(await fixture.state()).toMatchObject({ positions: MANY, ledger: 1, sync: { ranges: 1 } });
    await expectClean();
  });

  test('somebody else: it is not ended, and the message names it', async () => {
    const client = await database.pool.connect();
    try {
      await client.query(`BEGIN; SET LOCAL application_name = 'psql of an operator';
        SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph import ${(await many()).key.vehicleId}', 0))`);
      await expect(importRange({ pool, lockWaitMs: 500 }, await many())).rejects.toMatchObject({
        code: 'DatabaseUnavailable',
        message: expect.stringMatching(
          /psql of an operator \(PostgreSQL process \d+ since \S+Z\) has held it for longer than 500 ms/,
        ),
      });
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  });
});

describe('PostgreSQL', () => {
  test('ends the connection in the middle of the COPY: nothing is there, and the next attempt succeeds', async () => {
    const input = await many();
    const terminate = () =>
      void database.pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY positions%'`,
      );
    await expect(importRange({ pool }, midway(input, terminate))).rejects.toThrow(failing('DatabaseUnavailable'));
    expect(await fixture.state()).toMatchObject(NOTHING);
    await expectClean();
    expect(await importRange({ pool }, input)).toMatchObject({ inserted: MANY, duplicates: 0 });
    expect(await fixture.state()).toMatchObject({ positions: MANY, ledger: 1 });
  });

  test('is away', async () => {
    proxy.set({ kind: 'refuse' });
    await expect(importRange({ pool }, await many())).rejects.toThrow(failing('DatabaseUnavailable'));
  });

  test('cannot be reached any more in the middle of the COPY', async () => {
    const input = midway(await many(), () => proxy.set({ kind: 'rst' }));
    await expect(importRange({ pool }, input)).rejects.toThrow(failing('DatabaseUnavailable'));
    expect(await fixture.state()).toMatchObject(NOTHING);
  });

  test.each([
    ['the connection breaks', true],
    ['and no connection breaks either', false],
  ])('commits and its answer gets lost, %s: the ledger knows', async (_name, reset) => {
    const input = await fixture.input(rowsOf(1, 300));
    proxy.set({ kind: 'drop-reply-after', pattern: /COMMIT/, reset });
    const totals = await importRange({ pool, commitTimeoutMs: 500 }, input);
    expect(proxy.dropped()).toBe(1);
    expect(totals).toMatchObject({ inserted: 300, rows: 300 });
    expect(await fixture.state()).toMatchObject({ positions: 300, ledger: 1, watermark: '1000', sync: { ranges: 1 } });
  });

  test('never saw the COMMIT: it is said so, and the next attempt succeeds', async () => {
    const input = await fixture.input(rowsOf(1, 300));
    const faultPoint = (name: string) => {
      if (name !== 'import:before-commit') return;
      // Open connections are reset; the one on which the ledger is asked is not.
      proxy.set({ kind: 'rst' });
      proxy.set({ kind: 'pass' });
    };
    await expect(importRange({ pool, faultPoint }, input)).rejects.toThrow(failing('DatabaseUnavailable'));
    expect(await fixture.state()).toMatchObject(NOTHING);
    expect(await importRange({ pool }, input)).toMatchObject({ inserted: 300 });
  });

  test('commits, and the process dies before anybody hears of it: the next attempt gets the same answer', async () => {
    const input = await fixture.input(rowsOf(1, 300));
    const faultPoint = (name: string) => {
      if (name === 'import:after-commit') throw new Error('killed');
    };
    await expect(importRange({ pool, faultPoint }, input)).rejects.toThrow('killed');
    expect(await importRange({ pool }, input)).toMatchObject({ inserted: 300, duplicates: 0 });
    expect(await fixture.state()).toMatchObject({ positions: 300, ledger: 1, sync: { ranges: 1 } });
  });

  test('refuses a row: of its error no text of the row is kept', async () => {
    await database.pool.query('ALTER TABLE positions ADD CONSTRAINT no_secret CHECK (legacy_id <> 5)');
    const input = await fixture.input(rowsOf(1, 9, () => ({ a: "'hush-hush'" })));
    const error = await importRange({ pool }, input).catch((cause: unknown) => cause);
    await database.pool.query('ALTER TABLE positions DROP CONSTRAINT no_secret');
    expect(error).toMatchObject({
      code: 'ImportFailed',
      message: expect.stringContaining('SQLSTATE 23514, constraint no_secret'),
    });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String((error as Error).cause)).not.toMatch(
      /hush|62\.0339/,
    );
  });
});

describe('cancelled', () => {
  test('in the middle of the COPY: rolled back, the connection usable', async () => {
    const cancel = new AbortController();
    const input = {
      ...midway(await many(), () => cancel.abort(new Error('cancelled by the test'))),
      signal: cancel.signal,
    };
    await expect(importRange({ pool }, input)).rejects.toThrow('cancelled by the test');
    expect(await fixture.state()).toMatchObject(NOTHING);
    await expectClean();
    expect(pool.idleCount).toBe(1);
    expect(await importRange({ pool }, await many())).toMatchObject({ inserted: MANY });
  });

  test('while PostgreSQL does not answer: within seconds', async () => {
    const cancel = new AbortController();
    const input = midway(await many(), () => {
      proxy.set({ kind: 'blackhole' });
      setTimeout(() => cancel.abort(new Error('cancelled by the test')), 200);
    });
    const begun = Date.now();
    await expect(importRange({ pool }, { ...input, signal: cancel.signal })).rejects.toThrow('cancelled by the test');
    expect(Date.now() - begun).toBeLessThan(10_000);
  });

  test('before it began', async () => {
    const input = { ...(await many()), signal: AbortSignal.abort(new Error('cancelled by the test')) };
    await expect(importRange({ pool }, input)).rejects.toThrow('cancelled by the test');
    expect(pool.totalCount).toBe(0);
  });
});

describe('the file', () => {
  const fileOf = ({ dump }: ImportInput): string => dump as string;

  /** The input with other bytes in its file; the manifest goes along where a check behind it is meant. */
  async function withBytes(input: ImportInput, bytes: Buffer, manifestToo: boolean): Promise<ImportInput> {
    await writeFile(fileOf(input), bytes);
    if (!manifestToo) return input;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { ...input, manifest: { ...input.manifest, bytes: bytes.length, sha256 } };
  }

  async function codeOf(input: ImportInput): Promise<string | null> {
    try {
      await importRange({ pool }, input);
      return null;
    } catch (error) {
      if (error instanceof Failure) return error.code;
      throw error;
    }
  }

  test.each(['gzip', 'zstd'] as const)('%s, cut at every place, is never imported', async (compression) => {
    const input = await fixture.input(rowsOf(1, 20), { compression });
    const whole = await readFile(fileOf(input));
    const step = compression === 'gzip' ? 1 : 23;
    for (let length = 0; length < whole.length; length += step) {
      const code = await codeOf(await withBytes(input, whole.subarray(0, length), true));
      expect([length, code]).toEqual([length, expect.stringMatching(/^Dump(Truncated|Corrupt)$/)]);
    }
    expect(await fixture.state()).toMatchObject(NOTHING);
    expect(await codeOf(await withBytes(input, whole, true))).toBeNull();
  });

  test('gzip with a bit turned over, anywhere, is never imported', async () => {
    const input = await fixture.input(rowsOf(1, 20));
    const whole = await readFile(fileOf(input));
    // Bytes 4 to 9 of gzip's header are time, flags and system: they mean nothing to the content.
    for (let at = 0; at < whole.length; at += 5) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1 << (at % 8);
      if (at >= 4 && at < 10) continue;
      expect([at, await codeOf(await withBytes(input, flipped, true))]).toEqual([
        at,
        // Even with a checksum that was made of the damaged file; a column's name may be what was hit.
        expect.stringMatching(/^(Dump(Truncated|Corrupt)|SchemaDrift)$/),
      ]);
    }
    expect(await fixture.state()).toMatchObject(NOTHING);
  });

  test('damage that looks like a renamed column is damage, which is tried again, and no schema drift, which is not', async () => {
    const input = await fixture.input(rowsOf(1, 20), { compression: 'none' });
    const bytes = await readFile(fileOf(input));
    bytes[bytes.indexOf('`lat`') + 1]! ^= 1;
    expect(await codeOf(await withBytes(input, bytes, false))).toBe('DumpCorrupt');
    expect(await codeOf(await withBytes(input, bytes, true))).toBe('SchemaDrift');
  });

  test.each(['none', 'gzip', 'zstd'] as const)('%s that is not the one of the manifest', async (compression) => {
    const input = await fixture.input(rowsOf(1, 20), { compression });
    const bytes = await readFile(fileOf(input));
    expect(await codeOf({ ...input, manifest: { ...input.manifest, sha256: '0'.repeat(64) } })).toBe('DumpCorrupt');
    expect(await codeOf(await withBytes(input, bytes.subarray(0, -1), false))).toBe('DumpTruncated');
    expect(await codeOf(await withBytes(input, Buffer.concat([bytes, Buffer.from('x')]), false))).toBe('DumpCorrupt');
    expect(await fixture.state()).toMatchObject(NOTHING);
  });

  test.each([
    ['a second member', gzipSync('')],
    ['a second member with content', gzipSync('-- more')],
    ['garbage', Buffer.from('garbage')],
    ['zeros', Buffer.alloc(100)],
    ['a megabyte of zeros', Buffer.alloc(1_000_000)],
  ])('gzip with %s behind its end', async (_name, tail) => {
    const input = await fixture.input(rowsOf(1, 20));
    const whole = await readFile(fileOf(input));
    expect(await codeOf(await withBytes(input, Buffer.concat([whole, tail]), true))).toBe('DumpCorrupt');
    expect(await fixture.state()).toMatchObject(NOTHING);
  });

  test.each([
    ['garbage', Buffer.from('garbage')],
    ['a second frame of the same', null],
  ])('zstd with %s behind its end', async (_name, tail) => {
    const input = await fixture.input(rowsOf(1, 20), { compression: 'zstd' });
    const whole = await readFile(fileOf(input));
    expect(await codeOf(await withBytes(input, Buffer.concat([whole, tail ?? whole]), true))).toBe('DumpCorrupt');
    expect(await fixture.state()).toMatchObject(NOTHING);
  });

  test('zstd where this machine has none', async () => {
    const input = await fixture.input(rowsOf(1, 20), { compression: 'zstd' });
    const path = process.env.PATH;
    process.env.PATH = '/nowhere';
    const code = await codeOf(input).finally(() => (process.env.PATH = path));
    // Node has zstd of its own since 22.15.
    expect(code).toBe('createZstdDecompress' in (await import('node:zlib')) ? null : 'InvalidConfiguration');
  });
});
