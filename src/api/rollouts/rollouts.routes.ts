import { z } from 'zod';
import { route } from '../core/route.ts';
import { count, neededReason, reason, success } from '../core/shapes.ts';
import { maxWorkers } from '../runs/runs.routes.ts';
import { serverId } from '../servers/servers.routes.ts';

const params = z.strictObject({ serverId });

const step = z.strictObject({
  name: z.enum(['test', 'pilot', 'gradual', 'full']),
  vehicles: count.nullable().meta({ description: 'The first of the server by priority; null: all.' }),
  workers: count,
  limit: count.nullable().meta({ description: 'The server’s own limit in this step; null: the setting’s.' }),
  adaptive: z.boolean(),
});

const measured = z.strictObject({
  run: z
    .strictObject({
      runId: z.string(),
      state: z.string(),
      vehicles: count,
      succeeded: count,
      worked: count.meta({ description: 'Completed, which only those are that had rows to read.' }),
      failed: count,
    })
    .nullable(),
  reconciliation: z
    .strictObject({
      reconciliationId: z.string(),
      state: z.string(),
      vehicles: count,
      compared: count,
      missing: count,
      changed: count,
      extra: count,
    })
    .nullable(),
  circuit: z.strictObject({
    state: z.enum(['closed', 'open', 'half-open', 'held']),
    code: z.string().nullable(),
    reopened: z.boolean().meta({ description: 'It is closed, and was not all the time since the step began.' }),
  }),
});

const changed = z.union([z.number(), z.boolean(), z.null()]);
const run = z.strictObject({
  number: count,
  position: count.meta({ description: 'Of `steps`, from 0.' }),
  openedBy: z.string(),
  state: z.enum(['running', 'good', 'not-good', 'withdrawn']),
  runId: z.string().nullable().meta({ description: 'The fleet sync of the step.' }),
  reconciliationId: z.string().nullable(),
  measured: measured.nullable(),
  reasons: z.array(z.string()).meta({ description: 'Why it was not good, in words.' }),
  idle: z.boolean().meta({
    description: 'Nothing speaks against it but that there was too little to do; unattended, it is tried again.',
  }),
  changes: z
    .array(z.strictObject({ what: z.enum(['limit', 'max-workers', 'adaptive']), from: changed, to: changed }))
    .meta({ description: 'What it changed of the server’s limit and of settings.' }),
  kept: z.array(z.string()).meta({ description: 'What was not put back, because somebody else had changed it.' }),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
});

const rollout = z.strictObject({
  rolloutId: z.uuid(),
  workflowId: z.string(),
  serverId: z.string(),
  steps: z.array(step),
  unattended: z.boolean(),
  requestedBy: z.string(),
  state: z
    .enum(['running', 'completed', 'withdrawn', 'cancelled', 'failed', 'lost'])
    .meta({ description: '`lost`: it was ended from outside, which the next rollout of the server has found.' }),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
  runs: z
    .array(run)
    .meta({ description: 'Each time that a step was run; the current step is the last not withdrawn.' }),
});
const UNKNOWN = { 404: 'There is no such server, or it had no rollout.' };
const ordered = success({ message: z.string(), link: z.string() });

export const LIST_ROLLOUTS = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'The last rollout of each legacy server',
  answer: success({ rollouts: z.array(rollout), count }),
});

export const READ_ROLLOUT = route({
  method: 'GET',
  path: ':serverId',
  access: 'viewer',
  summary: 'The last rollout of a legacy server: its steps, and what was measured in each',
  params,
  answer: success({ rollout }),
  also: UNKNOWN,
});

export const START_ROLLOUT = route({
  method: 'POST',
  path: ':serverId',
  access: 'admin',
  summary: 'Bring the sync of a legacy server into operation step by step',
  description:
    'It changes the limit of the server, `legacy_sync.worker_pool.max_workers` and `legacy_sync.adaptive.enabled`.',
  params,
  body: z.strictObject({
    maxWorkers: maxWorkers
      .optional()
      .meta({ description: 'In flight there at the end; without it the server’s limit.' }),
    unattended: z
      .boolean()
      .default(false)
      .meta({ description: 'Each next step opens by itself while steps are good.' }),
    reason,
  }),
  status: 202,
  answer: success({ message: z.string(), rolloutId: z.uuid(), link: z.string() }),
  also: { 404: 'There is no such server.', 409: 'One is under way.' },
});

export const ADVANCE_ROLLOUT = route({
  method: 'POST',
  path: ':serverId/advance',
  access: 'operator',
  summary: 'Open the next step, after the current one was good; or run the current one again',
  params,
  body: z.strictObject({ again: z.boolean().default(false), reason }),
  status: 202,
  answer: ordered,
  also: { ...UNKNOWN, 409: 'The current step was not good, or is running.' },
});

export const BACK_ROLLOUT = route({
  method: 'POST',
  path: ':serverId/back',
  access: 'operator',
  summary: 'Take the current step back: limits and settings as before it; what arrived stays',
  params,
  body: z.strictObject({ reason: neededReason }),
  status: 202,
  answer: ordered,
  also: { ...UNKNOWN, 409: 'No rollout is under way.' },
});
