import { describe, expect, test } from '@jest/globals';
import { addId } from '../../../../src/activities/legacy-sync/dump/id-sum.ts';
import { chooseTogether, countNewest } from '../../../../src/activities/legacy-sync/legacy-host/count-together.ts';
import type { PlanRequestVehicle } from '../../../../src/activities/legacy-sync/legacy-host/plan-statements.ts';

const request = (legacyVehicleId: string, fromId: number, seenFrom: number | null = null): PlanRequestVehicle => ({
  vehicle: {
    id: `id of ${legacyVehicleId}`,
    label: legacyVehicleId,
    serverId: 'depot-1',
    table: 'gps',
    legacyVehicleId,
    partOf: null,
    priority: 0,
    enabled: true,
    watermark: String(fromId),
  },
  fromId: String(fromId),
  seen: seenFrom === null ? null : { fromId: String(seenFrom), toId: String(fromId), rows: 0, idSum: 0 },
});

const count = (requests: PlanRequestVehicle[], rows: [string, string][], numbers = true) =>
  countNewest({ table: 'gps', aboveId: '0', requests }, rows, { numbers });

describe('the list of a table’s newest ids', () => {
  test('begins below the windows of the many that stand at nearly the same id, and leaves those far behind', () => {
    const near = Array.from({ length: 500 }, (_, index) => request(`${index}`, 1_000_000 + index, 995_000 + index));
    const chosen = chooseTogether('gps', [request('far', 10), ...near, request('new', 0)]);
    expect(chosen).toMatchObject({ table: 'gps', aboveId: '995000' });
    expect(chosen!.requests).toHaveLength(500);
  });

  test('is not read for vehicles that are cheaper one by one', () => {
    expect(chooseTogether('gps', [request('1', 100_000), request('2', 1)])).toBeNull();
    expect(chooseTogether('gps', [])).toBeNull();
  });

  test('is not for vehicles whose ids only MySQL can compare', () => {
    const odd = Array.from({ length: 500 }, (_, index) => request(`автобус ${index}`, 1_000_000, 999_000));
    expect(chooseTogether('gps', odd)).toBeNull();
  });

  test('tells each vehicle’s new rows, its highest id and its window', () => {
    const rows: [string, string][] = [
      ['7', '90'],
      ['7', '95'],
      ['8', '96'],
      ['7', '101'],
      ['9', '102'],
      ['7', '103'],
    ];
    const found = count([request('7', 100, 92), request('8', 99), request('10', 100)], rows)!;
    expect(found.get('id of 7')).toEqual({ newRows: 2, maxId: 103n, windowRows: 1, windowIdSum: addId(0, 95) });
    expect(found.get('id of 8')).toMatchObject({ newRows: 0, maxId: 96n });
    expect(found.get('id of 10')).toEqual({ newRows: 0, maxId: null, windowRows: 0, windowIdSum: 0 });
    expect(found.size).toBe(3);
  });

  test('knows no leading zeros in a column of numbers, and leaves alike text to MySQL', () => {
    const requests = [request('17', 0), request('b', 0)];
    expect(count(requests, [['0017', '5']])!.get('id of 17')).toMatchObject({ newRows: 1 });
    const text = count(
      requests,
      [
        ['0017', '5'],
        ['b', '6'],
      ],
      false,
    )!;
    expect([...text.keys()]).toEqual(['id of b']);
    expect([...count(requests, [['B', '5']], false)!.keys()]).toEqual(['id of 17']);
  });

  test('does not tell two vehicles whose ids MySQL may take for one', () => {
    const found = count(
      [request('A1', 0), request('a1', 0), request('NULL', 0), request('2', 0)],
      [['2', '5']],
      false,
    )!;
    expect([...found.keys()]).toEqual(['id of 2']);
  });

  test.each(['straße', 'a\u0001', 'bus 7 ', ''])(
    'with a value of which only MySQL knows whose it is (%j) tells nothing',
    (value) => {
      expect(
        count(
          [request('7', 0)],
          [
            ['7', '1'],
            [value, '2'],
          ],
          false,
        ),
      ).toBeNull();
    },
  );

  test('that is too long tells nothing', () => {
    const rows = Array.from({ length: 200_001 }, (_, index): [string, string] => ['7', String(index + 1)]);
    expect(count([request('7', 0)], rows)).toBeNull();
    expect(count([request('7', 0)], rows.slice(1))).not.toBeNull();
  });
});
