import { z } from 'zod';
import { route } from '../core/route.ts';

const check = z.strictObject({
  name: z.enum(['postgres', 'redis', 'temporal']),
  status: z.enum(['up', 'degraded', 'down']),
  latencyMs: z.number(),
  error: z.string().optional(),
});

export const LIVE = route({
  method: 'GET',
  path: 'live',
  access: 'public',
  summary: 'Whether the process answers',
  answer: z.strictObject({ status: z.literal('ok') }),
});

export const readiness = z.strictObject({
  status: z.enum(['ok', 'degraded', 'down']),
  checks: z.array(check),
  graph: z
    .strictObject({ version: z.string(), activatedAt: z.iso.datetime().nullable(), ageSeconds: z.number().nullable() })
    .nullable()
    .meta({ description: 'null: there is no graph, or Redis does not tell.' }),
  positions: z
    .enum(['timescaledb', 'native-partitions'])
    .nullable()
    .meta({ description: 'How positions are stored; null: PostgreSQL does not tell.' }),
});

export const READY = route({
  method: 'GET',
  path: 'ready',
  access: 'public',
  summary: 'Each part the API stands on, and the age of the graph',
  description:
    '`down` (503): PostgreSQL, without which nothing can be told. `degraded` (200): Redis or Temporal is away, Redis may evict the live graph, or there is no graph; what does not need them still answers.',
  answer: readiness,
});
