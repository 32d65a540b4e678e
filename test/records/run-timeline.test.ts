import { expect, test } from '@jest/globals';
import { type TimelineFilter, readTimeline } from '../../src/records/run-timeline.ts';
import { putBack } from '../../src/records/vehicle-claims.ts';
import { addServer, failed, fleetDatabase, fleetOf, readTogether, slotOf, startRun } from '../support/fleet-fixture.ts';

const pool = fleetDatabase();
const ALL: TimelineFilter = { limit: 100, after: null, since: null };

async function threeSlots(): Promise<string> {
  await addServer(pool(), 'depot-1', { count: 6 });
  const fleet = fleetOf(pool());
  const runId = await startRun(fleet);
  await readTogether(pool(), runId, { vehicleIds: ['5', '6'], ends: [4] });
  await slotOf(fleet, runId, 1).claimSlice();
  const [second, third] = [slotOf(fleet, runId, 2), slotOf(fleet, runId, 3)];
  const { vehicleId } = await second.claim();
  await pool().query(`UPDATE vehicle_syncs SET worked_ms = 40 WHERE state = 'claimed' AND slot = 2`);
  const next = await second.claim(failed(vehicleId, 'TableMissing'));
  await third.claim();
  await putBack(pool(), { runId, vehicleId: next.vehicleId }, { reason: 'its circuit is open', afterMs: 60_000 });
  return runId;
}

test('what each slot has held and holds, a slice once and not by its vehicles; what was put back is gone', async () => {
  const runId = await threeSlots();
  const { bars } = await readTimeline(pool(), runId, ALL);
  expect(bars).toMatchObject([
    { slot: 1, vehicle: null, slice: { serverId: 'depot-1', table: 'positions', number: 1, of: 1 }, endedAt: null },
    { slot: 2, sequence: 1, slice: null, status: 'failed', error: 'TableMissing', workedMs: 40, plannedRows: 10 },
    { slot: 3, sequence: 1, vehicle: { label: expect.stringMatching(/^bus \d$/) }, endedAt: null, error: null },
  ]);
  expect(bars[1]!.endedAt!.getTime()).toBeGreaterThanOrEqual(bars[1]!.startedAt.getTime());
});

test('pages go on behind the last place, and only what has changed since is read again', async () => {
  const runId = await threeSlots();
  const first = await readTimeline(pool(), runId, { ...ALL, limit: 2 });
  const rest = await readTimeline(pool(), runId, { ...ALL, after: first.bars[1]! });
  expect([first, rest].map(({ bars }) => bars.map(({ slot }) => slot))).toEqual([[1, 2], [3]]);
  // The one that has ended did so a minute before what is asked for; the two that are held are told however long ago they began.
  await pool().query(
    `UPDATE vehicle_syncs SET claimed_at = claimed_at - interval '1 hour', settled_at = settled_at - interval '1 minute'`,
  );
  const changed = await readTimeline(pool(), runId, { ...ALL, since: first.since });
  expect(changed.bars.map(({ slot }) => slot)).toEqual([1, 3]);
});

test('what ends while a page is read is in the answer to its `since`', async () => {
  await addServer(pool(), 'depot-1', { count: 1 });
  const fleet = fleetOf(pool());
  const runId = await startRun(fleet);
  const slot = slotOf(fleet, runId, 1);
  const { vehicleId } = await slot.claim();
  const client = await pool().connect();
  try {
    await client.query('BEGIN');
    await client.query(
      `UPDATE vehicle_syncs SET state = 'settled', status = 'completed', lease_until = NULL, settled_at = clock_timestamp()`,
    );
    const { since } = await readTimeline(pool(), runId, ALL);
    await client.query('COMMIT');
    const { bars } = await readTimeline(pool(), runId, { ...ALL, since });
    expect(bars).toMatchObject([{ vehicle: { vehicleId }, status: 'completed' }]);
  } finally {
    client.release();
  }
});
