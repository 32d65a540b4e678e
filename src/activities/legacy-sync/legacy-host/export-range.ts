import type { RemoteResult, RemoteShell } from '../../../connections/ssh/remote-shell.ts';
import { Failure, type FailureCode } from '../../../errors.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import { type ExportRequest, fromId } from './export-request.ts';
import { exportScript } from './export-script.ts';
import type { HostTools } from './host-tools.ts';
import { databaseFailure, errorNumbers } from './legacy-database-failure.ts';
import { passwordLine } from './mysql-option.ts';
import { assertRemoteDir } from './remote-path.ts';

/** mysqldump's exit codes: 2 the server said no, 3 the connection was lost, 6 no such table. */
const LOST_CONNECTION = 3;
const NO_TABLE = 6;
/** 128 + SIGXFSZ: the file would pass the login's limit (ulimit -f). */
const FILE_SIZE_SIGNAL = 153;

export interface Exported {
  manifest: ExportManifest;
  /** The content came along, all that the session gave of it; and whether the host has removed its directory. */
  sent: boolean;
  removed: boolean;
}

/**
 * Dumps the next range of a vehicle to a verified file below the server's remote directory; null when no row is left above the cursor.
 * A complete file of an earlier attempt is taken as it is. Up to `sendUpTo` bytes the file's content is sent at once, to `onContent`, and
 * nothing of it is left on the host. Errors: LegacyDatabaseUnavailable, LegacyDatabaseAccessDenied,
 * LegacyQueryFailed, TableMissing, SchemaDrift, RemoteDiskFull, ExportFailed, SshConnectionLost, the signal's reason.
 */
export async function exportRange(
  shell: RemoteShell,
  tools: HostTools,
  request: ExportRequest,
): Promise<Exported | null> {
  assertRemoteDir(request.dir);
  const { vehicle, server, password, timeoutMs, niceness, signal } = request;
  const said = readAnswer(request);
  const result = await shell.run(exportScript(request, tools), {
    payload: `${passwordLine(password, server.id)}\n`,
    timeoutMs,
    niceness,
    signal,
    onStdout: said.add,
  });
  const sending = said.sending();
  // Content of which not one byte came has to be missed like any other.
  if (sending !== null) await request.onContent?.(sending, Buffer.alloc(0));
  if (sending !== null) return { manifest: sending, sent: true, removed: result.code === 0 };
  const [kind, ...words] = (said.last() ?? '').split(' ');
  if (result.code === 0 && kind === 'nothing') return null;
  if (result.code === 0 && kind === 'manifest')
    return { manifest: manifest(request, words), sent: false, removed: false };
  const doing = `Exporting ids above ${request.cursor} of vehicle ${vehicle.id} from ${server.id}.${server.database}.${vehicle.table}`;
  throw failureOf(doing, request, result, kind === 'fail' ? words : []);
}

function manifest(request: ExportRequest, words: string[]): ExportManifest {
  const [toId = '', rows = '', bytes = '', sha256 = '', compression, ...path] = words;
  return {
    file: path.join(' '),
    compression: compression as ExportManifest['compression'],
    fromId: fromId(request),
    watermark: request.cursor,
    toId,
    rows: Number(rows),
    bytes: Number(bytes),
    sha256,
    last: BigInt(toId) >= BigInt(request.frozenToId),
  };
}

function failureOf(doing: string, request: ExportRequest, { code, stderr }: RemoteResult, words: string[]): Failure {
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

function diskFull(doing: string, { server, minFreeBytes }: ExportRequest, freeKb: string | undefined): Failure {
  return new Failure(
    'RemoteDiskFull',
    `${doing}: the disk of ${server.remoteDirectory} on ${server.id} is full or nearly so (${freeKb ?? 'unknown'} KB free, ${Math.ceil(minFreeBytes / 1024)} KB are to stay free). Nothing of it is kept. Free space there or set another remote directory.`,
  );
}

const NEWLINE = 0x0a;

/** Passes on progress lines as they come and keeps the last line of another kind; what comes after a `sending` line is content. */
function readAnswer(request: ExportRequest) {
  let rest: Buffer = Buffer.alloc(0);
  let last: string | undefined;
  let sending: ExportManifest | null = null;

  function takeLine(line: string): void {
    const [kind, ...words] = line.split(' ');
    if (kind === 'bytes') request.onProgress?.(Number(words[0]));
    else if (kind === 'sending') sending = manifest(request, words);
    else last = line;
  }

  return {
    last: () => last,
    sending: () => sending,
    add: (chunk: Buffer): void | Promise<void> => {
      let found = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = found.indexOf(NEWLINE); sending === null && end >= 0; end = found.indexOf(NEWLINE)) {
        takeLine(found.toString('utf8', 0, end));
        found = found.subarray(end + 1);
      }
      if (sending === null) rest = Buffer.from(found);
      else rest = Buffer.alloc(0);
      return sending === null || found.length === 0 ? undefined : request.onContent?.(sending, found);
    },
  };
}
