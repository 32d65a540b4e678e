import type { RemoteShell } from '../../../connections/ssh/remote-shell.ts';
import { shellQuote } from '../../../connections/ssh/shell-quote.ts';
import { Failure } from '../../../errors.ts';
import type { TransferTarget } from './transfer-target.ts';

/** The stall guard ends a transfer that hangs. This limit ends the host's process when the connection has died half-open. */
const LONGEST_MS = 24 * 3_600_000;

/** Reads the rest of the file over a session: the fastest way, and it resumes. */
export async function transferByExec(
  shell: RemoteShell,
  { file, target, signal }: { file: string; target: TransferTarget; signal: AbortSignal },
): Promise<void> {
  const script = `exec tail -c +${target.offset() + 1} -- ${shellQuote(file)}`;
  const { code } = await shell.run(script, {
    timeoutMs: LONGEST_MS,
    signal,
    onStdout: (chunk) => target.write(chunk),
  });
  if (code !== 0) {
    throw new Failure(
      'TransferFailed',
      `Reading ${file}: tail ended with ${code} after ${target.offset()} bytes. The file may be gone; the next attempt exports it again.`,
    );
  }
}
