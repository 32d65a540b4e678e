import { spawnSync } from 'node:child_process';

/** Decompresses by the zstd program, because Node reads zstd only from 22.15 on. */
export function zstdDecompressSync(content: Buffer): Buffer {
  const { status, stdout, stderr } = spawnSync('zstd', ['-dc'], { input: content, maxBuffer: 1e9 });
  if (status !== 0) throw new Error(`zstd -dc ended with ${status}: ${stderr}`);
  return stdout;
}
