import Table from 'cli-table3';
import type { RunStatus, WorkerResult } from '../client/worker-pool-manager.ts';
import { bytes, count, duration } from './figures.ts';

const PLAIN_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '  ',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A table without lines and colours: it is read in logs as often as on terminals. */
export function plainTable(head: string[], rows: string[][], rightAlignedFrom = 1): string {
  const table = new Table({
    head,
    chars: PLAIN_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((_, column) => (column < rightAlignedFrom ? 'left' : 'right')),
  });
  table.push(...rows);
  return table.toString();
}

export function printSummary(status: RunStatus, results: WorkerResult[]): void {
  if (results.length > 0) console.log(`${vehicleTable(results)}\n`);
  for (const { label, error } of results) {
    if (error !== null) console.log(`  ${label}: ${error.code}: ${error.message}`);
  }
  for (const { serverId, found } of status.warnings) console.log(`  warning: ${serverId}: ${found}`);
  const took = status.finishedAt === null ? 0 : Date.parse(status.finishedAt) - Date.parse(status.startedAt);
  const rate = took > 0 ? ` (${count((status.rows * 1_000) / took)} rows/s)` : '';
  const withoutFix = status.withoutFix > 0 ? `, ${count(status.withoutFix)} skipped without a fix` : '';
  console.log(
    `run ${status.runId} ${status.state}: ${status.completed} completed, ${status.failed} failed, ${status.upToDate} were up to date; ` +
      `${count(status.rows)} rows, ${bytes(status.bytes)} transferred, ${status.quarantined} quarantined${withoutFix}, in ${duration(took)}${rate}`,
  );
}

function vehicleTable(results: WorkerResult[]): string {
  const head = [
    'vehicle',
    'worker',
    'rows',
    'new',
    'duplicates',
    'quarantined',
    'no fix',
    'bytes',
    'seconds',
    'rows/s',
    'status',
  ];
  return plainTable(head, results.map(vehicleRow));
}

/** "2", or "2, slice 3 of 12" for a vehicle that was read with its table. */
function workerOf({ workerId, slice }: WorkerResult): string {
  const worker = workerId === null ? '–' : String(workerId);
  return slice === null ? worker : `${worker}, slice ${slice.number} of ${slice.of}`;
}

function vehicleRow(result: WorkerResult): string[] {
  const seconds = (result.durationMs ?? 0) / 1_000;
  return [
    result.label,
    workerOf(result),
    count(result.rows),
    count(result.inserted),
    count(result.duplicates),
    count(result.quarantined),
    count(result.withoutFix),
    bytes(result.bytes),
    seconds.toFixed(2),
    seconds > 0 ? count(result.rows / seconds) : '–',
    result.error === null ? result.status : `${result.status}: ${result.error.code}`,
  ];
}
