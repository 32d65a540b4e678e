import { spawnSync } from 'node:child_process';
import zlib from 'node:zlib';
import { Failure } from '../../../errors.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import { DUMP_EXTENSIONS } from '../transfer/dump-name.ts';
import type { HostTools } from './host-tools.ts';

export interface Compressor {
  compression: ExportManifest['compression'];
  /** Reads stdin, writes stdout. */
  command: string;
  extension: string;
}

/** What the compressor makes of GPS rows: record 41 says on which rows it was measured. */
interface Way extends Compressor {
  tool: HostTools['compressors'][number] | null;
  /** Compressed bytes of one byte of the dump. */
  ratio: number;
  /** Seconds of one core for 10⁶ bytes of the dump. */
  seconds: number;
}

/** In the order of `auto` where two take as long. A thread or two each, because the host has other work. */
const MEASURED: readonly Omit<Way, 'extension'>[] = [
  { compression: 'zstd', tool: 'zstd', command: 'zstd -q -1 -T1 -c', ratio: 0.174, seconds: 0.0064 },
  { compression: 'zstd', tool: 'zstd', command: 'zstd -q -7 -T1 -c', ratio: 0.153, seconds: 0.029 },
  { compression: 'gzip', tool: 'pigz', command: 'pigz -1 -p2 -c', ratio: 0.241, seconds: 0.0083 },
  { compression: 'gzip', tool: 'gzip', command: 'gzip -1 -c', ratio: 0.241, seconds: 0.0166 },
  { compression: 'lz4', tool: 'lz4', command: 'lz4 -q -1 -c', ratio: 0.311, seconds: 0.0032 },
  { compression: 'none', tool: null, command: 'cat', ratio: 1, seconds: 0 },
];
const WAYS: readonly Way[] = MEASURED.map((way) => ({ ...way, extension: DUMP_EXTENSIONS[way.compression] }));

/** Seconds in which the dump itself makes 10⁶ bytes. */
const DUMP_SECONDS = 0.0185;
/** A line that nobody has measured yet. */
const USUAL_BYTES_PER_SECOND = 20e6;

/** Small dumps and large ones, by rows. */
export interface Compressors {
  small: Compressor;
  large: Compressor;
  smallUpTo: number;
}

/**
 * Up to about this many rows gzip is faster, because it has ended before the zstd program has started: on the legacy host, and also on this one when
 * Node cannot read zstd by itself.
 */
const GZIP_WINS_UP_TO_ROWS = 'createZstdDecompress' in zlib ? 3_000 : 10_000;

export type Readable = ReadonlySet<ExportManifest['compression']>;

/** What this host can read. Node reads zstd from 22.15 on; before that the zstd program does. */
export function readableHere(): Readable {
  const starts = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
  const readable = new Set<ExportManifest['compression']>(['gzip', 'none']);
  if ('createZstdDecompress' in zlib || starts('zstd')) readable.add('zstd');
  if (starts('lz4')) readable.add('lz4');
  return readable;
}

interface CompressionChoice {
  wanted: 'auto' | ExportManifest['compression'];
  /** `auto` takes nothing that this host cannot read. */
  readable: Readable;
  /** What one transfer gets of the line; null: not measured yet. */
  bytesPerSecond: number | null;
  /** Load per core of the legacy host, as it was last heard; null: not known. */
  loadPerCore: number | null;
  serverId: string;
}

/** Errors: LegacyToolMissing when the setting names a tool that the host lacks. */
export function chooseCompressors(tools: HostTools, choice: CompressionChoice): Compressors {
  const large = chooseCompressor(tools, choice);
  const gzip = WAYS.find(({ tool }) => tool === 'gzip')!;
  const gzipToo = choice.wanted === 'auto' && large.compression === 'zstd' && tools.compressors.includes('gzip');
  return { small: gzipToo ? gzip : large, large, smallUpTo: GZIP_WINS_UP_TO_ROWS };
}

/** Chooses the compressor that brings a dump here in the shortest time. When the setting names one, only its levels are left to choose from. */
function chooseCompressor(tools: HostTools, choice: CompressionChoice): Compressor {
  const { wanted, readable, serverId } = choice;
  // Another worker may load what this one exports, and may have no lz4. Where there is zstd, lz4 would spare less than a tenth.
  const isForAuto = (compression: Way['compression']): boolean =>
    readable.has(compression) && !(compression === 'lz4' && tools.compressors.includes('zstd'));
  const [first, ...others] = WAYS.filter(
    ({ compression, tool }) =>
      (wanted === 'auto' ? isForAuto(compression) : compression === wanted) &&
      (tool === null || tools.compressors.includes(tool)),
  );
  if (first === undefined) {
    throw new Failure(
      'LegacyToolMissing',
      `${serverId} lacks ${wanted}, which legacy_sync.export.compression asks for. Install it there or set auto.`,
    );
  }
  const line = lineOf(tools, choice);
  return others.reduce((best, next) => (secondsOf(next, line) < secondsOf(best, line) ? next : best), first);
}

interface Line {
  bytesPerSecond: number;
  /** The compressor has a core beside the dump's. */
  spareCore: boolean;
}

function lineOf({ cores }: HostTools, { bytesPerSecond, loadPerCore }: CompressionChoice): Line {
  const idle = loadPerCore === null || loadPerCore < 1;
  return { bytesPerSecond: bytesPerSecond ?? USUAL_BYTES_PER_SECOND, spareCore: cores !== 1 && idle };
}

/** The seconds until 10⁶ bytes of a dump are here: made and compressed, and then transferred. */
function secondsOf({ ratio, seconds }: Way, { bytesPerSecond, spareCore }: Line): number {
  const made = spareCore ? Math.max(DUMP_SECONDS, seconds) : DUMP_SECONDS + seconds;
  return made + (ratio * 1e6) / bytesPerSecond;
}
