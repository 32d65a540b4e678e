import type { RemoteResult } from '../../../connections/ssh/remote-shell.ts';
import { Failure, type FailureCode } from '../../../errors.ts';
import type { ExportRequest } from './export-request.ts';
import { databaseFailure, errorNumbers } from './legacy-database-failure.ts';

/** mysqldump's exit codes: 2 the server said no, 3 the connection was lost, 6 no such table. */
const LOST_CONNECTION = 3;
const NO_TABLE = 6;
/** 128 + SIGXFSZ: the file would pass the login's limit (ulimit -f). */
const FILE_SIZE_SIGNAL = 153;

/** What mysqldump, the compressors and the C library say. */
const OUT_OF_MEMORY = /out of memory|not enough memory|cannot allocate memory|couldn't allocate/i;
/** CR_OUT_OF_MEMORY. */
const CLIENT_OUT_OF_MEMORY = 2008;

/** What a failure says of the export. */
type Exporting = Pick<
  ExportRequest,
  'server' | 'vehicle' | 'cursor' | 'timeoutMs' | 'minFreeBytes' | 'memoryBytes' | 'password'
>;

/** The failure of a script that dumps; `words` follow its `fail`, and are none when it printed no such line. */
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
  if (kind === 'dump' && (error === CLIENT_OUT_OF_MEMORY || OUT_OF_MEMORY.test(stderr)))
    return outOfMemory(doing, request);
  if (kind === 'query' && error !== undefined) return databaseFailure(doing, error);
  if (kind === 'dump')
    return dumpFailure(doing, request, { dump: Number(details[0]), compressor: Number(details[1]), error, stderr });
  const [failure, found] = OTHER[kind ?? ''] ?? ['ExportFailed', `the script ended with code ${code}`];
  return new Failure(failure, `${doing}: ${found}.${lastWords(stderr, request.password)}`);
}

const outOfMemory = (doing: string, { memoryBytes }: Exporting): Failure =>
  new Failure(
    'ExportFailed',
    `${doing}: a program there needs more than the ${Math.floor(memoryBytes / 1024 ** 2)} MB that each may have. Nothing of it is kept. ` +
      'Raise legacy_sync.resource_limits.max_memory_mb, or look for very large rows.',
  );

const OTHER: Record<string, [FailureCode, string]> = {
  query: ['LegacyQueryFailed', 'the mysql client failed without an error number; run it by hand as the SSH login'],
  directory: ['ExportFailed', 'the remote directory cannot be made or is not ours; check its owner and the path to it'],
  link: ['ExportFailed', 'there is a symbolic link where our directory should be; nothing was written'],
  claim: ['ExportFailed', 'an earlier attempt still holds the directory and would not end'],
  counts: ['ExportFailed', 'the number of rows in the range changed during each of three dumps; it is tried again'],
  verify: ['ExportFailed', 'the written file could not be verified or renamed'],
};

/** `dump` and `compressor` are exit codes, `error` is a MySQL error number. */
interface DumpEnd {
  dump: number;
  compressor: number;
  error: number | undefined;
  stderr: string;
}

function dumpFailure(doing: string, { server, password }: Exporting, { dump, compressor, error, stderr }: DumpEnd) {
  if (error === undefined || dump === 0) {
    if (dump === LOST_CONNECTION) return databaseFailure(doing, 2013);
    if (dump === NO_TABLE) return databaseFailure(doing, 1146);
    return new Failure(
      'ExportFailed',
      `${doing}: mysqldump ended with ${dump}, the compressor with ${compressor}.${lastWords(stderr, password)} Nothing of it is kept; it is tried again.`,
    );
  }
  // mysqldump 5.7.41 and 8.0.32 flush tables for each --single-transaction; those before and after do not.
  if (error === 1227 && /\bRELOAD\b/.test(stderr)) {
    return new Failure(
      'LegacyDatabaseAccessDenied',
      `${doing}: the mysqldump of ${server.id} wants to flush tables, for which ${server.mysqlUser} has no privilege (MySQL error 1227). ` +
        'Versions 5.7.41 and 8.0.32 do: update mysqldump there, GRANT RELOAD ON *.*, or set legacy_sync.export.reader to select, which needs SELECT alone.',
    );
  }
  return databaseFailure(doing, error);
}

const LAST_LINES = 3;
const LAST_CHARACTERS = 500;

/** ` It said: …`, the last lines on stderr, for a failure that nothing else explains; without our own line and the password. */
function lastWords(stderr: string, password: string | null): string {
  const safe = password ? stderr.replaceAll(password, '***') : stderr;
  const lines = safe.split('\n').flatMap((line) => {
    const words = line.replace(/\p{C}+/gu, ' ').trim();
    return words === '' || words.startsWith('fail ') ? [] : [words];
  });
  const text = lines.slice(-LAST_LINES).join(' | ').slice(-LAST_CHARACTERS);
  if (text === '') return '';
  return ` It said: ${text}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** Knows a full disk by its message under LC_ALL=C, or by the free space (in KB) that the script measured when it failed. */
function isFull(stderr: string, freeKb: string | undefined): boolean {
  return /No space left on device|Disk quota exceeded|File too large/.test(stderr) || Number(freeKb || Number.NaN) < 64;
}

function diskFull(doing: string, { server, minFreeBytes }: Exporting, freeKb: string | undefined): Failure {
  return new Failure(
    'RemoteDiskFull',
    `${doing}: the disk of ${server.remoteDirectory} on ${server.id} is full or nearly so (${freeKb ?? 'unknown'} KB free, ${Math.ceil(minFreeBytes / 1024)} KB are to stay free). Nothing of it is kept. Free space there or set another remote directory.`,
  );
}
