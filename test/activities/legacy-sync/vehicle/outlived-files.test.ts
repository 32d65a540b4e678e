import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import { pino } from 'pino';
import { openLocalStaging } from '../../../../src/activities/legacy-sync/transfer/local-staging.ts';
import {
  type OutlivedFiles,
  createOutlivedFiles,
} from '../../../../src/activities/legacy-sync/vehicle/outlived-files.ts';
import type { ExportManifest } from '../../../../src/workflows/legacy-sync/activities.ts';

const KEY = { runId: '01a00000-0000-4000-8000-000000000001', vehicleId: '7', slot: 1 };

let root: string;
let outlived: OutlivedFiles;
/** What PostgreSQL tells of the claim; an Error: it does not answer. */
let claimed: boolean | Error;
let asked: number;
const isStillClaimed = async (): Promise<boolean> => {
  asked += 1;
  if (claimed instanceof Error) throw claimed;
  return claimed;
};
const folders = (): string[] => readdirSync(root).filter((name) => name !== 'host-id');

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'fleetgraph-outlived-'));
  const staging = await openLocalStaging(root);
  writeFileSync(await staging.fileFor(KEY, { file: '/there/7/0-9.sql' } as ExportManifest), 'a piece of a dump');
  // No statement is sent: FAKE claims answer in PostgreSQL's place.
  outlived = createOutlivedFiles({ pool: {} as pg.Pool, staging, logger: pino({ level: 'silent' }) });
  outlived.keep(KEY, isStillClaimed);
  asked = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('files stay while a successor elsewhere has the vehicle, and go when it is done', async () => {
  claimed = true;
  await outlived.sweep();
  expect(folders()).toEqual(['7']);
  claimed = false;
  await outlived.sweep();
  expect(folders()).toEqual([]);
  // Nobody is asked about what is gone.
  await outlived.sweep();
  expect(asked).toBe(2);
});

test('while PostgreSQL has no connection nothing is removed, and it is asked again', async () => {
  claimed = new Error('sorry, too many clients already');
  await expect(outlived.sweep()).rejects.toThrow('too many clients');
  expect(folders()).toEqual(['7']);
  claimed = false;
  await outlived.sweep();
  expect(folders()).toEqual([]);
});
