import { describe, expect, test } from '@jest/globals';
import { idGrowth } from '../../src/legacy-inspection/id-growth.ts';
import { mappingDoubts } from '../../src/legacy-inspection/mapping-doubts.ts';
import { drive, randomOf } from './drive.ts';

const driven = [1, 2, 3].flatMap((seed) => drive({ seed, latitude: 62, longitude: 129, fixes: 300 }));
const random = randomOf(5);
/** A tracker out of reach keeps up to thirty fixes and sends the last first. */
const sentBack = driven.map((fix, at) => ({ ...fix, id: at - (at % 30) + (29 - (at % 30)) }));
const counted = driven.map((fix, id) => ({ ...fix, id }));
const drawn = driven.map((fix) => ({ ...fix, id: Math.floor(random() * 1e9) }));
const downwards = driven.map((fix, at) => ({ ...fix, id: 1e6 - at }));
const doubt = (fixes: typeof counted, id: 'id' | { time: string; format: 'datetime'; columns: string[] } = 'id') =>
  mappingDoubts({ id }, fixes).id;

describe('ids beside the times of their rows', () => {
  test('that are counted up bear the mapping out, and so they do where trackers send what they kept', () => {
    expect(idGrowth(counted)).toBe(1);
    expect(doubt(counted)).toBeNull();
    expect(doubt(sentBack)).toBeNull();
  });

  test('that are drawn, or counted down, are doubted, because rows below the highest would never come', () => {
    for (const fixes of [drawn, downwards])
      expect(doubt(fixes)).toMatch(
        /^id: id does not grow with the times of the rows \(rank correlation -?[01]\.\d\d\)/,
      );
  });

  test('say nothing where rows are few, of one moment, or followed by their times', () => {
    expect(idGrowth(counted.slice(0, 59))).toBeNull();
    expect(doubt(drawn.map((fix) => ({ ...fix, seconds: 7 })))).toBeNull();
    expect(doubt(drawn, { time: 'dt', format: 'datetime', columns: ['dt'] })).toBeUndefined();
  });
});
