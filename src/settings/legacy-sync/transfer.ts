import { z } from 'zod';
import { bytes, count, milliseconds, setting } from './setting-kinds.ts';

/** How dumps come from a legacy server: the method, streaming, and when a transfer counts as stalled. */
export const TRANSFER_SETTINGS = {
  concurrentTransfers: setting(
    'transfer.concurrent_limit',
    count,
    3,
    'Transfers from one legacy server at once, over all worker processes and runs.',
  ),
  transferMethod: setting(
    'transfer.method',
    z.enum(['exec', 'sftp', 'scp']),
    'exec',
    'exec (cat over the pooled session, resumable), sftp (resumable) or scp (the OpenSSH client, starts over).',
  ),
  streamMaxBytes: setting(
    'transfer.stream_max_bytes',
    z.number().int().nonnegative(),
    1_048_576,
    'A compressed dump up to this size is streamed: it comes over the session that makes it and is imported from memory, without a file on either side. Method exec only; 0: none.',
  ),
  stallBytesPerSecond: setting(
    'transfer.stall_bytes_per_second',
    bytes,
    1_024,
    'A transfer slower than this for stall_ms is given up and tried again.',
  ),
  stallMs: setting('transfer.stall_ms', milliseconds, 30_000, 'See stall_bytes_per_second.'),
} as const;
