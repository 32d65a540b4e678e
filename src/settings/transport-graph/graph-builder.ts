import { z } from 'zod';
import { count, milliseconds } from '../setting-kinds.ts';
import { percent, setting } from './setting-kinds.ts';

/** How the graph is built, switched to and kept in Redis. */
export const GRAPH_BUILDER_SETTINGS = {
  graphShrinkPercent: setting(
    'graph.shrink_percent',
    percent,
    20,
    'A graph that lost a larger share of its nodes or edges than this is not activated.',
  ),
  oneWayStops: setting(
    'graph.one_way_stops',
    z.enum(['error', 'warning']),
    'error',
    'Stops that can be reached from the hub and not left, or left and not reached. error: virtual routes are added for them, and a graph in which any remain is not activated; warning: they are reported only.',
  ),
  graceMs: setting(
    'graph.grace_ms',
    z.number().int().nonnegative(),
    600_000,
    'How long a replaced graph stays readable at least; longer than the longest request.',
  ),
  versionsKept: setting(
    'graph.versions_kept',
    count.min(2).max(100),
    3,
    'Graph versions kept in Redis, the active one included.',
  ),
  loadBatch: setting('graph.load_batch', count.max(10_000), 500, 'Keys written to Redis by one command.'),
  buildLeaseMs: setting(
    'graph.build_lease_ms',
    milliseconds,
    60_000,
    'A build that gave no sign of life for this long is dead; what it wrote is removed.',
  ),
  refillCheckMs: setting(
    'graph.refill_check_ms',
    milliseconds,
    15_000,
    'How often a worker looks whether Redis still has the active graph, and refills it.',
  ),
  keyTag: setting(
    'graph.key_tag',
    z.boolean(),
    false,
    'true: `graph:{version}:…` with literal braces, so that Redis Cluster keeps a version on one node.',
  ),
  allowEviction: setting(
    'graph.allow_eviction',
    z.boolean(),
    false,
    'true: build although Redis may evict the live graph (`allkeys-*`); shows as degraded.',
  ),
} as const;
