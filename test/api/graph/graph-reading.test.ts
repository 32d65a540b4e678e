import { expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { Database } from '../../../src/api/core/database.ts';
import { RecentReads } from '../../../src/api/core/recent-reads.ts';
import { GraphReadingService } from '../../../src/api/graph/graph-reading.service.ts';
import type { WholeGraph } from '../../../src/api/graph/whole-graph.ts';

const serviceWith = (whole: object): GraphReadingService =>
  new GraphReadingService(
    { reader: { query: () => Promise.reject(new Error('no settings')) } } as unknown as Database,
    { get: async () => 'graph-v1' } as unknown as Redis,
    whole as WholeGraph,
    new RecentReads({ recentMs: 0 }),
  );

/** A swap between the two looks of one request cannot be timed on real servers: Redis and the graph's thread are made up here. */
test('an answer of a version that went live meanwhile is not kept as one of the version before', async () => {
  const told = [
    { version: 'graph-v2', text: '"of the second"' },
    { version: 'graph-v1', text: '"of the first"' },
  ];
  let asked = 0;
  const whole = { ask: async () => told[asked++] ?? Promise.reject(new Error('asked once too often')) };
  const service = serviceWith(whole);
  const bodies: unknown[] = [];
  for (let time = 0; time < 3; time++) bodies.push((await service.path('a', 'b')).body);
  expect(bodies).toEqual(['"of the second"', '"of the first"', '"of the first"']);
});
