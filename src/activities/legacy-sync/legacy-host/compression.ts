import zlib from 'node:zlib';
import { Failure } from '../../../errors.ts';
import type { HostTools } from './host-tools.ts';

export interface Compressor {
  compression: 'zstd' | 'gzip' | 'none';
  /** Reads stdin, writes stdout. */
  command: string;
  extension: '.sql.zst' | '.sql.gz' | '.sql';
}

const COMPRESSORS: Record<'zstd' | 'pigz' | 'gzip' | 'none', Compressor> = {
  // On GPS rows zstd -1 beats every level of gzip at any speed of the link; one thread, because the host has other work.
  zstd: { compression: 'zstd', command: 'zstd -q -1 -T1 -c', extension: '.sql.zst' },
  pigz: { compression: 'gzip', command: 'pigz -1 -p2 -c', extension: '.sql.gz' },
  gzip: { compression: 'gzip', command: 'gzip -1 -c', extension: '.sql.gz' },
  none: { compression: 'none', command: 'cat', extension: '.sql' },
};

/** Small dumps and large ones, by rows. */
export interface Compressors {
  small: Compressor;
  large: Compressor;
  smallUpTo: number;
}

/**
 * Up to about this many rows gzip has ended before the zstd program has started: on the legacy host, and also on this one when Node
 * cannot read zstd by itself.
 */
const GZIP_WINS_UP_TO_ROWS = 'createZstdDecompress' in zlib ? 3_000 : 10_000;

interface CompressionChoice {
  wanted: 'auto' | 'zstd' | 'gzip' | 'none';
  /** Whether this host can read zstd. */
  readsZstd: boolean;
  serverId: string;
}

/** Errors: LegacyToolMissing when the setting names a tool that the host lacks. */
export function chooseCompressors(tools: HostTools, choice: CompressionChoice): Compressors {
  const { wanted } = choice;
  const large = chooseCompressor(tools, choice);
  const gzipToo = wanted === 'auto' && large.compression === 'zstd' && tools.compressors.includes('gzip');
  return { small: gzipToo ? COMPRESSORS.gzip : large, large, smallUpTo: GZIP_WINS_UP_TO_ROWS };
}

function chooseCompressor(tools: HostTools, { wanted, readsZstd, serverId }: CompressionChoice): Compressor {
  if (wanted === 'none') return COMPRESSORS.none;
  const usable = tools.compressors.filter((tool) => {
    if (tool === 'zstd') return wanted !== 'gzip' && (readsZstd || wanted === 'zstd');
    return wanted !== 'zstd';
  });
  const [best] = usable;
  if (best !== undefined) return COMPRESSORS[best];
  if (wanted === 'auto') return COMPRESSORS.none;
  throw new Failure(
    'LegacyToolMissing',
    `${serverId} lacks ${wanted}, which legacy_sync.export.compression asks for. Install it there or set auto.`,
  );
}
