import { createHash } from 'node:crypto';
import type { RemoteShell } from '../../../connections/ssh/remote-shell.ts';
import { shellQuote } from '../../../connections/ssh/shell-quote.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import type { Compressor } from './compression.ts';
import { dumpFunction, dumpTo, limitMemory } from './dump-command.ts';
import { exportFailure } from './export-failure.ts';
import { type ExportRequest, fromId, rangeParts } from './export-request.ts';
import { HOST_LOAD, readHostLoad } from './host-load.ts';
import type { HostTools } from './host-tools.ts';
import { READ_PASSWORD } from './mysql-command.ts';
import { passwordLine } from './mysql-option.ts';
import { workTag } from './remote-path.ts';

export interface StreamRequest extends Omit<ExportRequest, 'rangeRows' | 'compressors' | 'onProgress'> {
  compressor: Compressor;
  /** A larger dump is given up. */
  maxBytes: number;
  /** Compressed bytes received so far. */
  onReceived?: ((bytes: number) => void) | undefined;
  /** Waits until more may come. */
  pace?: ((bytes: number, signal?: AbortSignal) => Promise<void>) | undefined;
}

/** All rows up to the frozen bound, compressed. Their number is not known yet. */
export interface StreamedDump {
  manifest: Omit<ExportManifest, 'file' | 'rows'>;
  content: Buffer;
}

/**
 * Dumps the rest of a vehicle's rows straight into the session: nothing is written on the host. null when it is more than `maxBytes`.
 * Errors: LegacyDatabaseUnavailable, LegacyDatabaseAccessDenied, LegacyQueryFailed, TableMissing, SchemaDrift, ExportFailed,
 * SshConnectionLost, the signal's reason.
 */
export async function streamDump(
  shell: RemoteShell,
  tools: HostTools,
  request: StreamRequest,
): Promise<StreamedDump | null> {
  const { server, password, timeoutMs, niceness, signal, maxBytes, onReceived, pace } = request;
  const chunks: Buffer[] = [];
  let bytes = 0;
  const result = await shell.run(streamScript(request, tools), {
    payload: `${passwordLine(password, server.id)}\n`,
    timeoutMs,
    niceness,
    signal,
    onStdout: (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
      onReceived?.(bytes);
      return pace?.(chunk.length, signal);
    },
  });
  const load = readHostLoad(result.stderr, tools.cores);
  if (load !== null) request.onLoad?.(load);
  if (bytes > maxBytes) return null;
  if (result.code !== 0) throw exportFailure(request, result, failWords(result.stderr));
  const content = Buffer.concat(chunks);
  return { manifest: manifestOf(request, content), content };
}

/**
 * A failure is on the last line of stderr, because stdout is the dump. Of a dump that is too large the host sends one byte more than
 * allowed and no more: ending the session from here would first have to wait for everything under way on a slow line.
 */
function streamScript(request: StreamRequest, tools: HostTools): string {
  const { before, after } = rangeParts(request);
  return `
# ${workTag(request.dir)}
${READ_PASSWORD}
${limitMemory(request)}
${dumpFunction(request, tools)}
${HOST_LOAD}
compress() { ${request.compressor.command}; }
where=${shellQuote(`${before}${request.frozenToId}${after}`)}
exec 3>&1
${dumpTo(`| head -c ${request.maxBytes + 1} >&3`)}
host_load >&2
[ "$d$t$c" = 000 ] || { echo "fail dump \${d:-x} \${c:-x} -" >&2; exit 10; }
`;
}

function failWords(stderr: string): string[] {
  const [kind, ...words] = (stderr.trimEnd().split('\n').at(-1) ?? '').split(' ');
  return kind === 'fail' ? words : [];
}

const manifestOf = (request: StreamRequest, content: Buffer): StreamedDump['manifest'] => ({
  compression: request.compressor.compression,
  fromId: fromId(request),
  watermark: request.cursor,
  toId: request.frozenToId,
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
  last: true,
});
