import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { installPackages } from '../../src/stack/debian-packages.ts';
import { findOnPath } from '../../src/stack/run-command.ts';
import type { ExportManifest } from '../../src/workflows/legacy-sync/activities.ts';

/** Compresses bytes as a legacy host would. Node has no lz4, and zstd only from 22.15 on, so both come from their programs. */
export async function compress(compression: ExportManifest['compression'], bytes: Buffer): Promise<Buffer> {
  if (compression === 'none') return bytes;
  if (compression === 'gzip') return gzipSync(bytes);
  if (findOnPath(compression) === null) await installPackages([compression], (line) => console.log(line));
  const program = spawn(compression, ['-c', '-q', '-1']);
  program.stdin.end(bytes);
  return buffer(program.stdout);
}
