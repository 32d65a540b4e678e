import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('stream-dump.mjs', import.meta.url));

test('330 MB of rows, every hundredth of them bad and one of 30 MB among them, take no more memory than the first 60 MB', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT]);
  const { rows, quarantined, takenMb, early, late } = JSON.parse(stdout) as Record<string, number>;
  expect(quarantined).toBe(Math.floor(rows! / 100) + 1);
  expect(takenMb).toBeGreaterThan(300);
  // The carry of one row up to its limit of 8 MB, and what the collector has not fetched yet.
  expect(late! - early!).toBeLessThan(48);
  expect(late).toBeLessThan(256);
}, 120_000);
