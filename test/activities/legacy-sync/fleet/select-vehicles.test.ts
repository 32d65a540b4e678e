import { expect, test } from '@jest/globals';
import { selectVehicles } from '../../../../src/activities/legacy-sync/fleet/select-vehicles.ts';
import { addServer, fleetDatabase } from '../../../support/fleet-fixture.ts';

const pool = fleetDatabase();

test('the vehicles of a server, or its first by priority, and never those of another', async () => {
  await addServer(pool(), 'depot-1', { count: 4 });
  await addServer(pool(), 'depot-2', { first: 5 });
  await pool().query('UPDATE vehicles SET priority = id, enabled = id <> 4');
  const selected = async (first?: number) =>
    (await selectVehicles(pool(), { kind: 'server', serverId: 'depot-1', first })).map(({ id }) => id);
  expect(await selected()).toEqual(['1', '2', '3']);
  expect(await selected(2)).toEqual(['3', '2']);
});

test('the first of a server are taken with their parts', async () => {
  await addServer(pool(), 'depot-1', { count: 3 });
  await pool().query(`UPDATE vehicles SET part_of = 1, legacy_table = 'positions_2' WHERE id = 3`);
  const selected = await selectVehicles(pool(), { kind: 'server', serverId: 'depot-1', first: 1 });
  expect(selected.map(({ id }) => id)).toEqual(['1', '3']);
});

test.each([
  [{ kind: 'server' as const, serverId: 'depot-9' }, 'server depot-9 has no enabled vehicle'],
  [{ kind: 'server' as const, serverId: 'depot-1', first: 0 }, '"first" must be a whole number above 0, not 0'],
  [{ kind: 'server' as const, serverId: 7 as never }, '"server" must be the id of one, not 7'],
])('the selection %j is refused', async (selection, why) => {
  await addServer(pool(), 'depot-1', { count: 3 });
  await expect(selectVehicles(pool(), selection)).rejects.toMatchObject({
    code: 'InvalidSelection',
    message: `Choosing vehicles for a run: ${why}. Nothing was started.`,
  });
});
