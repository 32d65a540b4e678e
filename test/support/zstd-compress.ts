import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';

/** Compresses bytes by the zstd program. */
export async function zstdCompress(bytes: Buffer): Promise<Buffer> {
  const zstd = spawn('zstd', ['-c', '-q', '-1']);
  zstd.stdin.end(bytes);
  return buffer(zstd.stdout);
}
