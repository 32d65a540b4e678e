import { z } from 'zod';
import { milliseconds } from '../setting-kinds.ts';
import { setting } from './setting-kinds.ts';

/** How a stage is tried again, and how it is noticed that nobody works on it. */
export const STAGE_RETRY_SETTINGS = {
  retryInitialMs: setting(
    'retry.initial_ms',
    milliseconds,
    60_000,
    'Wait before the second attempt of a stage; attempts and timeouts are in `pipeline_stages`.',
  ),
  retryCoefficient: setting(
    'retry.coefficient',
    z.number().min(1).max(100),
    5,
    'Each further wait is this much longer.',
  ),
  heartbeatTimeoutMs: setting(
    'retry.heartbeat_timeout_ms',
    z.number().int().min(10_000).max(600_000),
    30_000,
    'An attempt of a stage that gave no sign of life for this long is lost, as its worker is; the next one begins after the wait.',
  ),
  workerPatienceMs: setting(
    'retry.worker_patience_ms',
    milliseconds,
    60_000,
    'A stage of another program cannot run when that program has not taken it up for this long.',
  ),
  lostCheckMs: setting(
    'stages.lost_check_ms',
    milliseconds,
    30_000,
    'How often a worker looks whether a stage that is told to run was terminated, and records its end; and whether the schedule is as the settings say.',
  ),
} as const;
