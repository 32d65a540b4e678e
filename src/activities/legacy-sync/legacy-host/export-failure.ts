import type { RemoteResult } from '../../../connections/ssh/remote-shell.ts';
import { Failure, type FailureCode } from '../../../errors.ts';
import type { ExportRequest } from './export-request.ts';
import { databaseFailure, errorNumbers } from './legacy-database-failure.ts';

/** mysqldump's exit codes: 2 the server said no, 3 the connection was lost, 6 no such table. */
const LOST_CONNECTION = 3;
const NO_TABLE = 6;
/** 128 + SIGXFSZ: the file would pass the login's limit (ulimit -f). */
const FILE_SIZE_SIGNAL = 153;

/** What is exported, as far as a failure tells of it. */
type Exporting = Pick<ExportRequest, 'server' | 'vehicle' | 'cursor' | 'timeoutMs' | 'minFreeBytes'>;

/** What a script that dumps has ended with; `words` are those behind its `fail`, none where it said nothing. */
export function exportFailure(request: Exporting, { code, stderr }: RemoteResult, words: string[]): Failure {
  const { vehicle, server, cursor } = request;
  const doing = `Exporting ids above ${cursor} of vehicle ${vehicle.id} from ${server.id}.${server.database}.${vehicle.table}`;
  const [kind, ...details] = words;
  if (code === 124) {
    return new Failure(
      'ExportFailed',
      `${doing}: not done within legacy_sync.export.timeout_ms (${request.timeoutMs} ms), so the host ended it. Lower legacy_sync.export.range_rows or raise the limit.`,
    );
  }
  const overLimit = kind === 'dump' && Number(details[1]) === FILE_SIZE_SIGNAL;
  if (overLimit || kind === 'space' || (details.length > 0 && isFull(stderr, details.at(-1))))
    return diskFull(doing, request, details.at(-1));
  const [error] = errorNumbers(stderr);
  if (kind === 'query' && error !== undefined) return databaseFailure(doing, error);
  if (kind === 'dump') return dumpFailure(doing, Number(details[0]), Number(details[1]), error);
  const [failure, found] = OTHER[kind ?? ''] ?? ['ExportFailed', `the script ended with code ${code}`];
  return new Failure(failure, `${doing}: ${found}.`);
}

const OTHER: Record<string, [FailureCode, string]> = {
  query: ['LegacyQueryFailed', 'the mysql client failed without an error number; run it by hand as the SSH login'],
  directory: ['ExportFailed', 'the remote directory cannot be made or is not ours; check its owner and the path to it'],
  link: ['ExportFailed', 'there is a symbolic link where our directory should be; nothing was written'],
  claim: ['ExportFailed', 'an earlier attempt still holds the directory and would not end'],
  counts: ['ExportFailed', 'the number of rows in the range changed during each of three dumps; it is tried again'],
  verify: ['ExportFailed', 'the written file could not be verified or renamed'],
};

function dumpFailure(doing: string, dump: number, compressor: number, error: number | undefined): Failure {
  if (error !== undefined && dump !== 0) return databaseFailure(doing, error);
  if (dump === LOST_CONNECTION) return databaseFailure(doing, 2013);
  if (dump === NO_TABLE) return databaseFailure(doing, 1146);
  return new Failure(
    'ExportFailed',
    `${doing}: mysqldump ended with ${dump}, the compressor with ${compressor}. Nothing of it is kept; it is tried again.`,
  );
}

/** The words are those of LC_ALL=C; the free space, measured when it happened, needs no words. Sizes in KB. */
function isFull(stderr: string, freeKb: string | undefined): boolean {
  return /No space left on device|Disk quota exceeded|File too large/.test(stderr) || Number(freeKb || Number.NaN) < 64;
}

function diskFull(doing: string, { server, minFreeBytes }: Exporting, freeKb: string | undefined): Failure {
  return new Failure(
    'RemoteDiskFull',
    `${doing}: the disk of ${server.remoteDirectory} on ${server.id} is full or nearly so (${freeKb ?? 'unknown'} KB free, ${Math.ceil(minFreeBytes / 1024)} KB are to stay free). Nothing of it is kept. Free space there or set another remote directory.`,
  );
}
