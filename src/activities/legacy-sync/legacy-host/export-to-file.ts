import type { RemoteShell } from '../../../connections/ssh/remote-shell.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import { exportFailure } from './export-failure.ts';
import { type ExportRequest, fromId } from './export-request.ts';
import { exportScript } from './export-script.ts';
import { readHostLoad } from './host-load.ts';
import type { HostTools } from './host-tools.ts';
import { passwordLine } from './mysql-option.ts';

/**
 * Dumps the next range of a vehicle to a verified file below the server's remote directory; null when no row is left above the cursor.
 * A complete file of an earlier attempt is used as it is. Errors: LegacyDatabaseUnavailable, LegacyDatabaseAccessDenied,
 * LegacyQueryFailed, TableMissing, SchemaDrift, RemoteDiskFull, ExportFailed, SshConnectionLost, the signal's reason.
 */
export async function exportToFile(
  shell: RemoteShell,
  tools: HostTools,
  request: ExportRequest,
): Promise<ExportManifest | null> {
  const { server, password, timeoutMs, niceness, signal } = request;
  const said = readLines(request.onProgress, (line) => {
    const load = readHostLoad(line, tools.cores);
    if (load !== null) request.onLoad?.(load);
    return load !== null;
  });
  const result = await shell.run(exportScript(request, tools), {
    payload: `${passwordLine(password, server.id)}\n`,
    timeoutMs,
    niceness,
    signal,
    onStdout: said.add,
  });
  const [kind, ...words] = (said.last() ?? '').split(' ');
  if (result.code === 0 && kind === 'nothing') return null;
  if (result.code === 0 && kind === 'manifest') return manifest(request, words);
  throw exportFailure(request, result, kind === 'fail' ? words : []);
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

/** Passes on progress lines as they come and keeps the last line of another kind. */
function readLines(onProgress: ExportRequest['onProgress'], isLoad: (line: string) => boolean) {
  let rest = '';
  let last: string | undefined;
  return {
    last: () => last,
    add: (chunk: Buffer): void => {
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const bytes = /^bytes (\d+)$/.exec(line)?.[1];
        if (bytes !== undefined) onProgress?.(Number(bytes));
        else if (!isLoad(line)) last = line;
      }
    },
  };
}
