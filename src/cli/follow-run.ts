import { setTimeout as sleep } from 'node:timers/promises';
import type { RunStatus, StartedRun, WorkerPoolManager } from '../client/worker-pool-manager.ts';
import { type PausedWork, describePause } from '../client/paused-work.ts';
import { vehicleSyncWorkflowId } from '../workflows/legacy-sync/messages.ts';
import type { SlotProgress } from '../records/progress.ts';
import { isDatabaseUnavailable } from '../connections/database-errors.ts';
import { Failure } from '../errors.ts';
import { bytes, count, duration, percent } from './figures.ts';

const TERMINAL_REDRAW_MS = 500;
const LOG_LINES_MS = 2_000;
/** Temporal answers few queries a second. */
const PAUSES_MS = 5_000;
/** After this long a note says that no worker has taken up the run: most likely none runs. */
const UNPLANNED_NOTICE_MS = 10_000;

/** Shows a run until it has ended: a line per worker slot and a total with ETA, redrawn on a terminal, repeated elsewhere. */
export async function followRun(manager: WorkerPoolManager, run: StartedRun): Promise<RunStatus> {
  const startedAt = Date.now();
  let ended = false;
  let failure: unknown = null;
  const result = run.result().then(
    () => (ended = true),
    (error: unknown) => {
      ended = true;
      failure = error;
    },
  );
  const screen = createScreen();
  const pauses = watchPauses(manager, run.runId);
  let told = false;
  while (!ended) {
    await Promise.race([result, sleep(process.stdout.isTTY ? TERMINAL_REDRAW_MS : LOG_LINES_MS)]);
    const status = await readStatus(manager, run.runId);
    if (status !== null && !ended) screen.show(linesOf(status, Date.now() - startedAt, await pauses()));
    if (status !== null) told = true;
    if (!told && Date.now() - startedAt > UNPLANNED_NOTICE_MS) {
      told = true;
      console.log(
        '  no worker has taken up the run yet, and it waits for one: `npm run fleetgraph -- doctor` says whether any is up, `npm run fleetgraph -- worker` starts one',
      );
    }
  }
  screen.clear();
  const status = await readStatus(manager, run.runId);
  if (status !== null) return status;
  throw failure instanceof Error ? failure : new Failure('Unexpected', `Run ${run.runId} left no record of itself.`);
}

/** Null until a worker has taken up the run, and while PostgreSQL does not answer. */
async function readStatus(manager: WorkerPoolManager, runId: string): Promise<RunStatus | null> {
  try {
    return await manager.status(runId);
  } catch (error) {
    if (error instanceof Failure && error.code === 'InvalidSelection') return null;
    // Only the display stops while PostgreSQL is away; the run goes on.
    if (isDatabaseUnavailable(error)) return null;
    throw error;
  }
}

/** What is paused in Temporal, as of a few seconds ago. The display goes on when that cannot be asked. */
function watchPauses(manager: WorkerPoolManager, runId: string): () => Promise<PausedWork[]> {
  let askedAt = -Infinity;
  let found: PausedWork[] = [];
  return async () => {
    if (performance.now() - askedAt < PAUSES_MS) return found;
    askedAt = performance.now();
    return (found = await manager.paused(runId).catch(() => []));
  };
}

function linesOf(status: RunStatus, elapsedMs: number, paused: PausedWork[]): string[] {
  const standing = new Set(paused.map(({ workflowId }) => workflowId));
  return [
    ...status.workers.map((slot) => slotLine(slot, standing)),
    ...paused.map((each) => `  ${describePause(each)}; to end it: ${each.remedy}`),
    totalLine(status, elapsedMs, paused.length > 0),
  ];
}

function slotLine(slot: SlotProgress, standing: Set<string>): string {
  const name = `worker ${String(slot.workerId).padStart(2)}`;
  if (slot.status === 'idle' || slot.label === null) return `  ${name}  idle`;
  const stands = slot.vehicleId !== null && standing.has(vehicleSyncWorkflowId(slot.vehicleId));
  const rate = slot.bytesPerSecond > 0 && !stands ? `${bytes(slot.bytesPerSecond)}/s` : '';
  const eta = stands ? 'PAUSED' : slot.etaSeconds === null ? '' : `ETA ${duration(slot.etaSeconds * 1_000)}`;
  return [
    `  ${name}`,
    // A slice of a table has a longer name than a vehicle, and a number at its end that must be seen.
    slot.vehicleId === null ? slot.label.padEnd(14) : slot.label.padEnd(14).slice(0, 14),
    slot.status.padEnd(12),
    // A vehicle of few rows is streamed, so it has no percentage before it is done.
    (slot.rows === 0 ? '' : percent(slot.percent)).padStart(4),
    `${count(slot.rows)} of ${count(slot.plannedRows)} rows`.padStart(24),
    (slot.bytes === 0 ? '' : bytes(slot.bytes)).padStart(9),
    rate.padStart(11),
    eta,
  ]
    .join('  ')
    .trimEnd();
}

function totalLine(status: RunStatus, elapsedMs: number, stands: boolean): string {
  const settled = status.completed + status.failed;
  const share = status.plannedRows === 0 ? 0 : Math.min(1, status.rows / status.plannedRows);
  const eta = stands ? '…' : timeLeft(status, share, elapsedMs);
  const paused = status.paused ? '  PAUSED' : '';
  return `  total      ${settled} of ${status.vehicles} vehicles, ${count(status.rows)} of about ${count(status.plannedRows)} rows, ${percent(100 * share)}, ${status.failed} failed, ${duration(elapsedMs)}, ETA ${eta}${paused}`;
}

/** By the forecast; where there is none, at the speed so far. */
function timeLeft({ eta }: RunStatus, share: number, elapsedMs: number): string {
  if (eta !== null) return `${duration(eta.p50Ms)} (9 in 10: ${duration(eta.p90Ms)})`;
  return share > 0.01 ? duration((elapsedMs * (1 - share)) / share) : '…';
}

interface Screen {
  show(lines: string[]): void;
  clear(): void;
}

function createScreen(): Screen {
  let shown = 0;
  const up = (): void => {
    if (process.stdout.isTTY && shown > 0) process.stdout.write(`\u001b[${shown}A\u001b[0J`);
    shown = 0;
  };
  return {
    show(lines) {
      up();
      process.stdout.write(`${lines.join('\n')}\n`);
      shown = lines.length;
    },
    clear: up,
  };
}
