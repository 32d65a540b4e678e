import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../../../errors.ts';

export interface Decompressor {
  program: 'zstd' | 'lz4';
  args: readonly string[];
  /** What to do where the program is missing. */
  remedy: string;
}

/** Decompresses by a program of this host. Errors: DumpTruncated, DumpCorrupt; InvalidConfiguration when the program cannot be started. */
export async function* byProgram(
  { program, args, remedy }: Decompressor,
  file: AsyncIterable<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const child = spawn(program, args, { env: { PATH: process.env.PATH ?? '' } });
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const fed = pipeline(Readable.from(file), child.stdin, { signal }).then(
    () => null,
    (error: unknown) => error,
  );
  ended.catch(() => {});
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(0, 1000)));
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const [status] = await ended.catch((cause: unknown) => {
      throw new Failure('InvalidConfiguration', `Decompressing a dump: ${program} cannot be started. ${remedy}`, {
        cause,
      });
    });
    const inputError = await fed;
    if (signal.aborted) throw signal.reason;
    if (inputError instanceof Failure) throw inputError;
    if (status !== 0) throw unreadable(program, complaint.trim() || `exit status ${status}`, inputError);
    if (inputError !== null) throw inputError;
  } finally {
    child.kill('SIGKILL');
  }
}

/** `found`: what the decompressor said of the dump. */
export function unreadable(decompressor: string, found: string, cause?: unknown): Failure {
  const cut = /premature end|unexpected end|truncated|unfinished stream/i.test(found);
  return new Failure(
    cut ? 'DumpTruncated' : 'DumpCorrupt',
    `Decompressing the transferred dump: ${decompressor} says "${found}". It is transferred again.`,
    { cause },
  );
}
