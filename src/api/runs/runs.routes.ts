import { z } from 'zod';
import { route } from '../core/route.ts';
import { accepted, bigintText, count, failure, page, pageQuery, reason, success } from '../core/shapes.ts';

const STATES = ['running', 'completed', 'cancelled', 'failed', 'lost'] as const;
const VEHICLE_STATES = ['planned', 'claimed', 'settled'] as const;
const STAGES = ['idle', 'exporting', 'transferring', 'importing', 'completed', 'failed'] as const;

const runId = z.uuid();
export const maxWorkers = z.number().int().min(1).max(1000);
const runParams = z.strictObject({ runId });

/** Which vehicles a fleet sync takes. */
export const selection = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('all') }),
  z.strictObject({ kind: z.literal('list'), vehicleIds: z.array(bigintText).min(1).max(5_000) }),
  z.strictObject({ kind: z.literal('first'), count: z.number().int().min(1).max(1_000_000) }),
  z.strictObject({
    kind: z.literal('server'),
    serverId: z.string().min(1).max(63),
    first: z.number().int().min(1).max(1_000_000).optional(),
  }),
  z.strictObject({ kind: z.literal('priority'), atLeast: z.number().int().min(-1_000_000).max(1_000_000) }),
]);

const workerSlot = z.strictObject({
  slot: z.number(),
  status: z.enum(STAGES),
  stage: z.enum(STAGES),
  vehicleId: z.string().nullable(),
  vehicle: z.string().nullable(),
  bytes: count,
  rows: count,
  plannedRows: count,
  percent: z.number(),
  bytesPerSecond: z.number(),
  mbPerSecond: z.number(),
  etaSeconds: z.number().nullable(),
  updatedAt: z.iso.datetime().nullable(),
});

const run = z.strictObject({
  runId,
  workflowId: z.string(),
  state: z
    .enum([...STATES, 'terminated'])
    .meta({ description: '`terminated`: before a worker had planned it; afterwards it is `lost`.' }),
  paused: z.boolean(),
  mode: z.enum(['delta', 'full']),
  requestedBy: z.string(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
  vehicles: count,
  waiting: count,
  inFlight: count,
  completed: count,
  failed: count,
  upToDate: count,
  plannedRows: count,
  rows: count,
  bytes: count,
  quarantined: count,
  withoutFix: count,
  warnings: z.array(z.strictObject({ serverId: z.string(), found: z.string() })).meta({
    description:
      'What fails no vehicle and somebody has to look at: rows that contradict the mapping of their server, months that nobody could look for.',
  }),
  eta: z.strictObject({ p50Ms: count, p90Ms: count }).nullable().meta({
    description:
      'The time that is left, by the run’s forecast and what it did so far: half of all runs end within `p50Ms`, nine in ten within `p90Ms`. null: the run does not run, is paused, or has a server of which too little is known.',
  }),
});

/** What read a vehicle in a run. */
export const readBy = {
  slice: z
    .strictObject({ serverId: z.string(), table: z.string(), number: z.number(), of: z.number() })
    .nullable()
    .meta({ description: 'The slice of its table that brought its rows; null: it was read by itself.' }),
  workflowId: z.string().meta({ description: 'Of the vehicle, or of its slice.' }),
};

export const vehicleSync = z.strictObject({
  vehicleId: z.string(),
  label: z.string(),
  slot: z.number().nullable(),
  state: z.enum(VEHICLE_STATES),
  status: z.enum(STAGES),
  plannedRows: count,
  rows: count,
  inserted: count,
  duplicates: count,
  quarantined: count,
  withoutFix: count,
  bytes: count,
  durationMs: z.number().nullable(),
  error: failure.nullable(),
  ...readBy,
});

export const START_RUN = route({
  method: 'POST',
  path: '',
  access: 'operator',
  summary: 'Start a fleet sync over all, chosen, the first n or the urgent vehicles',
  body: z.strictObject({
    selection: selection.default({ kind: 'all' }),
    mode: z.enum(['delta', 'full']).default('delta'),
    maxWorkers: maxWorkers.optional(),
    reason,
  }),
  status: 202,
  answer: accepted,
  also: { 409: 'A run over the same vehicles is going on (`link`).' },
});

export const LIST_RUNS = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'The runs, the latest first',
  recent: true,
  query: pageQuery.extend({ state: z.enum(STATES).optional() }),
  answer: page('runs', run),
});

export const READ_RUN = route({
  method: 'GET',
  path: ':runId',
  access: 'viewer',
  summary: 'One run with what each worker slot is doing, at most two seconds late',
  params: runParams,
  answer: success({ run, live: z.boolean(), workers: z.array(workerSlot) }),
  also: { 404: 'There is no such run.' },
});

export const RUN_VEHICLES = route({
  method: 'GET',
  path: ':runId/vehicles',
  access: 'viewer',
  summary: 'The vehicles of a run',
  recent: true,
  params: runParams,
  query: pageQuery.extend({
    state: z
      .enum([...VEHICLE_STATES, ...STAGES])
      .optional()
      .meta({ description: 'Where the vehicle stands in the queue, or its `status`.' }),
    status: z.enum(STAGES).optional(),
  }),
  answer: page('vehicles', vehicleSync),
  also: { 404: 'There is no such run.' },
});

export const RUN_THROUGHPUT = route({
  method: 'GET',
  path: ':runId/throughput',
  access: 'viewer',
  summary: 'Rows and bytes that a run has imported, over time',
  params: runParams,
  query: z.strictObject({ points: z.coerce.number().int().min(2).max(500).default(60) }),
  answer: success({
    bucketSeconds: z.number(),
    points: z.array(z.strictObject({ at: z.iso.datetime(), rows: count, bytes: count })),
  }),
  also: { 404: 'There is no such run.' },
});

/** Ten thousand vehicles are five pages. */
const MOST_BARS = 2_000;

const timelineBar = z.strictObject({
  slot: z.number(),
  sequence: z.number().meta({ description: 'Counts what the slot claimed.' }),
  name: z.string().meta({ description: 'The vehicle’s label, or what slice of a table it is.' }),
  vehicleId: z.string().nullable(),
  status: z.enum(STAGES),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable().meta({ description: 'null: the slot holds it now.' }),
  workedMs: count.meta({ description: 'The part of that time that was work, and not waiting.' }),
  rows: count,
  plannedRows: count,
  error: z.string().nullable(),
});

export const RUN_TIMELINE = route({
  method: 'GET',
  path: ':runId/timeline',
  access: 'viewer',
  summary: 'Which worker slot of a run held which vehicle or slice, and from when to when',
  params: runParams,
  query: pageQuery.extend({
    limit: z.coerce.number().int().min(1).max(MOST_BARS).default(500),
    since: z.iso.datetime().optional().meta({
      description:
        'The `since` of the first page of an earlier answer: only what is held now, or has ended since. What was held then and is in no page was put back.',
    }),
  }),
  answer: page('bars', timelineBar).extend({ since: z.iso.datetime() }),
  also: { 404: 'There is no such run.' },
});

export const RUN_EVENTS = route({
  method: 'GET',
  path: ':runId/events',
  access: 'viewer',
  summary: 'A run as it goes on, as server-sent events',
  description:
    '`progress`: what GET of the run answers, when it changed. `vehicle`: one that has ended; its id, sent back as `Last-Event-ID`, brings those since (one may come twice). `end`: the run has ended. A comment every 15 s (`FLEETGRAPH_API_EVENT_PING_MS`) keeps the line open.',
  params: runParams,
  answer: { mediaType: 'text/event-stream' },
  also: { 404: 'There is no such run.' },
});

const steer = { body: z.strictObject({ reason }), params: runParams, access: 'operator', method: 'POST' } as const;
const STEERED = { 404: 'There is no such run.', 409: 'The run is not in a state for this.' };

export const PAUSE_RUN = route({
  ...steer,
  path: ':runId/pause',
  summary: 'Claim no further vehicles; those in flight go on to their end',
  answer: success({ runId, paused: z.boolean() }),
  also: STEERED,
});

export const RESUME_RUN = route({
  ...steer,
  path: ':runId/resume',
  summary: 'Claim vehicles again',
  answer: success({ runId, paused: z.boolean() }),
  also: STEERED,
});

export const CANCEL_RUN = route({
  ...steer,
  path: ':runId/cancel',
  summary: 'End a run; vehicles in flight clean up and count as failed',
  status: 202,
  answer: accepted,
  also: STEERED,
});

export const SET_MAX_WORKERS = route({
  method: 'PUT',
  path: ':runId/max-workers',
  access: 'operator',
  summary: 'Open or retire worker slots of a run',
  params: runParams,
  body: z.strictObject({ maxWorkers, reason }),
  answer: success({ runId, maxWorkers }),
  also: STEERED,
});

export const RETRY_FAILED = route({
  ...steer,
  path: ':runId/retry-failed',
  summary: 'Start a run over the vehicles that failed in this one',
  status: 202,
  answer: accepted,
  also: { 404: 'There is no such run.', 409: 'None has failed, or the same vehicles are being synced (`link`).' },
});
