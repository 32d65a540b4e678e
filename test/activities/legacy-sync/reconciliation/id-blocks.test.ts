import { expect, test } from '@jest/globals';
import { blockOf, idBlocks, idsOf, NO_BLOCK } from '../../../../src/activities/legacy-sync/reconciliation/id-blocks.ts';
import type { AskedVehicle } from '../../../../src/activities/legacy-sync/reconciliation/source-sql.ts';
import type { Vehicle } from '../../../../src/settings/legacy-server.ts';

const asked = (above: string, upTo: string, rows: number): AskedVehicle => ({
  vehicle: { id: '1' } as Vehicle,
  above,
  upTo,
  rows,
});
const span = { minId: 1n, maxId: 9_000_010n, rows: 9_000_000, byVehicle: true, uniqueIds: true };

test('blocks have all ids up to the last that all vehicles have, each id in one', () => {
  for (const last of ['1', '19999', '20000', '20001', '4000000', '4000001', '9000000']) {
    const blocks = idBlocks([asked('0', last, Number(last)), asked('0', '9000010', 1)], span)!;
    expect(blocks.count).toBeLessThanOrEqual(200);
    const of = blockOf(blocks);
    let above = 0n;
    for (let block = 0; block < blocks.count; block += 1) {
      const ids = idsOf(blocks, block);
      expect(ids.above).toBe(above);
      expect([of(Number(ids.above) + 1), of(Number(ids.upTo))]).toEqual([block, block]);
      above = ids.upTo;
    }
    expect(String(above)).toBe(last);
    expect(of(Number(last) + 1)).toBe(NO_BLOCK);
    // What the source has not, or had not when it was asked for its lowest id.
    expect(of(-5)).toBe(0);
  }
});

test('ids of which nobody knows how many rows lie between them are not cut', () => {
  const vehicles = [asked('0', '100000', 30_000), asked('0', '100001', 30_000)];
  const small = { ...span, rows: 60_000 };
  expect(idBlocks(vehicles, small)).toMatchObject({ above: 0n, upTo: 100_000n });
  expect(idBlocks(vehicles, { ...small, uniqueIds: false })).toBeNull();
  expect(idBlocks([asked('0', '200000', 30_000), asked('0', '200001', 30_000)], small)).toBeNull();
});
