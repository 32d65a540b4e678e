import { z } from 'zod';
import { route } from '../core/route.ts';
import { count, neededReason, reason, success } from '../core/shapes.ts';
import { maxWorkers, selection } from '../runs/runs.routes.ts';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes')
  .meta({ example: 'nightly' });
const params = z.strictObject({ name });
const milliseconds = z.number().int().min(0).max(31_536_000_000);
const mode = z.enum(['delta', 'full']);

const schedule = z.strictObject({
  name: z.string(),
  cron: z.string().nullable(),
  everyMs: count.nullable(),
  timeZone: z.string(),
  jitterMs: count,
  catchUpMs: count,
  sync: z.strictObject({ selection, mode, maxWorkers: maxWorkers.optional() }).nullable(),
  reconcile: z.strictObject({ selection, lastDays: count.nullable(), repair: z.boolean() }).nullable(),
  paused: z.boolean(),
  note: z.string().nullable().meta({ description: 'Who paused or resumed it, and why.' }),
  nextTimes: z.array(z.iso.datetime()).meta({ description: 'The next five; none while it is paused.' }),
  started: count,
  skipped: count.meta({ description: 'Not started, because the run before was going on.' }),
});
/** In the place of a sync: a comparison with the source. */
const reconcile = z.strictObject({
  lastDays: z
    .number()
    .int()
    .min(1)
    .max(36_500)
    .nullable()
    .default(null)
    .meta({ description: 'So many days before each start; null: all there are.' }),
  repair: z.boolean().default(false).meta({ description: 'Bring what differs in line at once.' }),
});
const stored = success({ schedule });
const UNKNOWN = { 404: 'There is no such schedule.' };

export const LIST_SCHEDULES = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'When fleet syncs and reconciliations start by themselves',
  answer: success({ schedules: z.array(schedule), count }),
});

export const READ_SCHEDULE = route({
  method: 'GET',
  path: ':name',
  access: 'viewer',
  summary: 'One schedule with its next five times',
  params,
  answer: stored,
  also: UNKNOWN,
});

export const PUT_SCHEDULE = route({
  method: 'PUT',
  path: ':name',
  access: 'operator',
  summary: 'Add a schedule of fleet syncs or reconciliations, or change the one of this name',
  params,
  body: z.strictObject({
    cron: z
      .string()
      .max(200)
      .nullable()
      .default(null)
      .meta({ description: 'Five fields; this or `everyMs`.', example: '30 3 * * *' }),
    everyMs: milliseconds.nullable().default(null),
    timeZone: z.string().max(100).default('UTC').meta({ description: 'IANA zone of `cron`.' }),
    jitterMs: milliseconds.default(0),
    catchUpMs: milliseconds
      .default(3_600_000)
      .meta({ description: 'What Temporal missed is made up for within this.' }),
    selection: selection.default({ kind: 'all' }),
    mode: mode.default('delta'),
    maxWorkers: maxWorkers.optional(),
    reconcile: reconcile.optional().meta({ description: 'Compare with the source instead of syncing.' }),
    reason,
  }),
  answer: stored,
});

const steer = { access: 'operator', params, body: z.strictObject({ reason: neededReason }), also: UNKNOWN } as const;

export const PAUSE_SCHEDULE = route({
  ...steer,
  method: 'POST',
  path: ':name/pause',
  summary: 'Start nothing until it is resumed; a run that goes on is left alone',
  answer: stored,
});

export const RESUME_SCHEDULE = route({
  ...steer,
  method: 'POST',
  path: ':name/resume',
  summary: 'Start at its times again',
  answer: stored,
});

export const DELETE_SCHEDULE = route({
  ...steer,
  method: 'DELETE',
  path: ':name',
  summary: 'Remove a schedule; a run that goes on is left alone',
  answer: success({ name }),
});
