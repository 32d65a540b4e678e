import { z } from 'zod';
import { route } from '../core/route.ts';

const workerId = z.string().max(63).meta({ description: 'Such as `graph-builder`.', example: 'graph-builder' });
const milliseconds = z.number().meta({ description: 'Milliseconds.' });

const dataProcessed = z.strictObject({ added: z.number(), updated: z.number(), deleted: z.number() });
const executionResult = z.strictObject({
  success: z.boolean(),
  workerId,
  executionTimeMs: milliseconds,
  message: z.string(),
  dataProcessed: dataProcessed.optional(),
  error: z.string().optional(),
});
const metadata = z.strictObject({
  workerId,
  workerName: z.string(),
  version: z.string(),
  lastRun: z.iso.datetime().nullable().meta({ description: 'When its last run began; null when it never ran.' }),
  lastStatus: z.enum(['success', 'failed', 'skipped', 'running']).nullable(),
  lastDuration: milliseconds.nullable(),
  runCount: z.number(),
});
const taken = z.strictObject({ success: z.literal(true), message: z.string(), runId: z.string(), link: z.string() });
const ALSO = {
  202: 'The work goes on; `Location` tells what becomes of it. Asked for by `Prefer: respond-async`, or the longest wait is over.',
  409: 'What was asked for `cannot run`, and nothing was begun: it is running already (`link`), no worker is there, or the stage is disabled or lacks one that it depends on.',
};

const execution = z
  .strictObject({
    force: z.boolean().default(false).meta({ description: 'Run although nothing is new.' }),
    reason: z
      .string()
      .trim()
      .min(1)
      .max(500)
      .optional()
      .meta({ description: 'For the audit log; needed with `force`.' }),
  })
  .refine(({ force, reason }) => !force || reason !== undefined, { path: ['reason'], message: 'is needed with force' });
const cancellation = z.strictObject({ reason: z.string().trim().min(1).max(500).optional() });

export const LIST_WORKERS = route({
  method: 'GET',
  path: '',
  access: 'local',
  summary: 'Every stage of the pipeline with its last run',
  recent: true,
  answer: z.strictObject({ success: z.literal(true), workers: z.record(z.string(), metadata), count: z.number() }),
});

export const PIPELINE_STATUS = route({
  method: 'GET',
  path: 'pipeline/status',
  access: 'local',
  summary: 'Whether the pipeline is running, and its stages in order',
  recent: true,
  answer: z.strictObject({
    success: z.literal(true),
    pipeline: z.strictObject({ isRunning: z.boolean(), workers: z.array(workerId) }),
  }),
});

export const PIPELINE_SCHEDULE = route({
  method: 'GET',
  path: 'pipeline/schedule',
  access: 'local',
  summary: 'When the pipeline runs next by itself',
  answer: z.strictObject({
    success: z.literal(true),
    schedule: z.strictObject({
      enabled: z.boolean(),
      paused: z.boolean(),
      nextRuns: z.array(z.iso.datetime()),
    }),
  }),
});

export const WORKER_STATUS = route({
  method: 'GET',
  path: ':workerId/status',
  access: 'local',
  summary: 'One stage with its last run',
  recent: true,
  params: z.strictObject({ workerId }),
  answer: z.strictObject({ success: z.literal(true), worker: metadata }),
  also: { 404: 'There is no such stage.' },
});

export const LIST_EXECUTIONS = route({
  method: 'GET',
  path: 'runs',
  access: 'local',
  summary: 'The latest runs of stages, the newest first',
  query: z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(20) }),
  answer: z.strictObject({ success: z.literal(true), runs: z.array(z.record(z.string(), z.unknown())) }),
});

export const EXECUTION = route({
  method: 'GET',
  path: 'runs/:runId',
  access: 'local',
  summary: 'One run of the pipeline or of a stage',
  params: z.strictObject({ runId: z.uuid() }),
  answer: z.strictObject({
    success: z.literal(true),
    run: z.strictObject({
      runId: z.string(),
      workerId: workerId.nullable().meta({ description: 'null: the whole pipeline.' }),
      status: z.enum(['running', 'success', 'failed', 'skipped']),
      startedAt: z.iso.datetime(),
      finishedAt: z.iso.datetime().nullable(),
      workerResults: z.array(executionResult),
    }),
  }),
  also: { 404: 'There is no such run.' },
});

export const EXECUTE_PIPELINE = route({
  method: 'POST',
  path: 'execute',
  access: 'operator',
  summary: 'Run the whole pipeline and wait for its end',
  body: execution,
  answer: z.union([
    z.strictObject({
      success: z.boolean(),
      message: z.string(),
      totalExecutionTimeMs: milliseconds,
      workersExecuted: z.number(),
      workerResults: z.array(executionResult),
      error: z.string().optional(),
    }),
    taken,
  ]),
  also: ALSO,
});

export const EXECUTE_WORKER = route({
  method: 'POST',
  path: ':workerId/execute',
  access: 'operator',
  summary: 'Run one stage alone and wait for its end',
  params: z.strictObject({ workerId }),
  body: execution,
  answer: z.union([
    z.strictObject({
      success: z.boolean(),
      message: z.string(),
      result: executionResult,
      error: z.string().optional(),
    }),
    taken,
  ]),
  also: { ...ALSO, 404: 'There is no such stage.' },
});

const cancelled = z.strictObject({ success: z.literal(true), message: z.string() });

export const CANCEL_PIPELINE = route({
  method: 'POST',
  path: 'pipeline/cancel',
  access: 'operator',
  summary: 'End the pipeline that is running; its stage cleans up',
  body: cancellation,
  answer: cancelled,
  also: { 409: 'No pipeline is running.' },
});

export const CANCEL_WORKER = route({
  method: 'POST',
  path: ':workerId/cancel',
  access: 'operator',
  summary: 'End a stage that is running',
  params: z.strictObject({ workerId }),
  body: cancellation,
  answer: cancelled,
  also: { 404: 'There is no such stage.', 409: 'It is not running.' },
});
