import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type AuditAction, listActs, recordAct, startsOf } from '../../src/records/audit-log.ts';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { fleetDatabase } from '../support/fleet-fixture.ts';

const pool = fleetDatabase();
const act = { actor: 'anna', action: 'stage.forced', subject: 'graph-builder' } as const;

test('an act is written with its reason and details, or without them', async () => {
  await recordAct(pool(), { ...act, reason: 'night run', details: { from: 1 } });
  await recordAct(pool(), act);
  expect(await listActs(pool(), { limit: 10, before: null })).toMatchObject([
    { ...act, reason: null, details: {} },
    { ...act, reason: 'night run', details: { from: 1 } },
  ]);
});

test('acts are read page by page, by whom and of which kind', async () => {
  for (const actor of ['anna', 'ivan', 'anna']) await recordAct(pool(), { ...act, actor });
  await recordAct(pool(), { ...act, action: 'stage.start' });
  const [latest] = await listActs(pool(), { limit: 1, before: null });
  expect(latest).toMatchObject({ action: 'stage.start' });
  const ofAnna = { limit: 10, before: latest!.id, actor: 'anna', action: 'stage.forced' };
  expect(await listActs(pool(), ofAnna)).toHaveLength(2);
});

test('who started a run is known from the run’s id, and only from a start of its kind', async () => {
  const [runId, other] = [randomUUID(), randomUUID()];
  const start = (action: AuditAction, id: string) =>
    recordAct(pool(), { actor: 'anna', action, subject: 'pipeline', details: { runId: id } });
  await start('stage.started', runId);
  await start('fleet-sync.started', other);
  await start('fleet-sync.cancel', runId);
  expect(await startsOf(pool(), 'stage.started', [runId, other])).toMatchObject([
    { runId, actor: 'anna', subject: 'pipeline', at: expect.any(Date) },
  ]);
  expect(await startsOf(pool(), 'stage.started', [])).toEqual([]);
});

test('nothing else of the product writes to the audit log', () => {
  const writes = /(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+audit_log\b/i;
  const sources = readdirSync(join(checkoutDir(), 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const writing = sources.filter((name) => writes.test(readFileSync(join(checkoutDir(), 'src', name), 'utf8')));
  expect(writing).toEqual(['records/audit-log.ts']);
});
