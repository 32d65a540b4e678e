import type { ClientChannel } from 'ssh2';
import { Failure } from '../../errors.ts';
import { remoteInput } from './remote-command.ts';
import { OUTPUT_LIMIT, type RemoteResult, type RunOptions, STDERR_LIMIT } from './remote-shell.ts';

/** TERM, two seconds, KILL on the other side, and the way there and back. */
const END_GRACE_MS = 5_000;
/** How much longer than the remote host's own time limit we wait before we take the connection for dead. */
const OVERDUE_MS = 15_000;

/**
 * Runs a script on a channel that was opened with REMOTE_COMMAND, and settles once the channel is closed, so that the caller knows
 * the session is free and the remote processes are gone. `onStuck` is told when the channel would not close.
 */
export async function runOnChannel(
  channel: ClientChannel,
  script: string,
  options: RunOptions & { where: string; onStuck(): void },
): Promise<RemoteResult> {
  const { signal, timeoutMs, where } = options;
  const ending = endingOf(channel, options.onStuck);
  const stdout = receive(channel, options.onStdout, ending.stop);
  const stderr = keep(STDERR_LIMIT);
  channel.stderr.on('data', stderr.add);
  channel.on('error', (error: Error) => ending.stop(lost(where, error.message)));

  const abort = () => ending.stop(signal?.reason as Error);
  const overdue = setTimeout(
    () => ending.stop(lost(where, `no end ${OVERDUE_MS / 1000} s after the time limit`)),
    timeoutMs + OVERDUE_MS,
  );
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  else channel.write(remoteInput(script, toBuffer(options.payload), { timeoutMs, niceness: options.niceness ?? null }));
  try {
    const exit = await ending.closed;
    await stdout.settled();
    if (ending.reason() !== null) throw ending.reason();
    if (exit === null) throw lost(where, 'the session ended without an exit code');
    if (typeof exit === 'string') throw lost(where, `the remote shell was ended by ${exit}`);
    return { code: exit, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    clearTimeout(overdue);
    signal?.removeEventListener('abort', abort);
  }
}

const toBuffer = (payload: string | Buffer | undefined): Buffer =>
  typeof payload === 'string' ? Buffer.from(payload) : (payload ?? Buffer.alloc(0));

function lost(where: string, found: string): Failure {
  return new Failure('SshConnectionLost', `Lost a session at ${where}: ${found}. It will be tried again.`);
}

/** Exit code, the name of the signal that ended the command, or null when neither came: a clean FIN brings no error at all. */
type Exit = number | string | null;

function endingOf(channel: ClientChannel, onStuck: () => void) {
  let exit: Exit = null;
  let reason: Error | null = null;
  let timers: NodeJS.Timeout[] = [];
  let settle = () => {};
  const closed = new Promise<Exit>((resolve) => {
    settle = () => {
      for (const timer of timers) clearTimeout(timer);
      resolve(exit);
    };
  });
  channel.once('exit', (code: number | null, signalName?: string) => {
    exit = code ?? signalName ?? null;
    // A killed guard leaves its watcher: the end of stdin makes it end the rest.
    if (code === null) channel.end();
  });
  channel.once('close', () => settle());
  const stop = (why: Error) => {
    if (reason !== null) return;
    reason = why;
    // EOF, not close: the guard ends its children and the session ends in order, so its place is free when it says so.
    channel.end();
    channel.resume();
    timers = [
      setTimeout(() => channel.close(), END_GRACE_MS),
      setTimeout(() => {
        onStuck();
        settle();
      }, END_GRACE_MS + 1_000),
    ];
  };
  return { closed, stop, reason: () => reason };
}

function receive(channel: ClientChannel, sink: RunOptions['onStdout'], stop: (why: Error) => void) {
  const kept = keep(OUTPUT_LIMIT);
  let pending: Promise<void> = Promise.resolve();
  let failed = false;
  const fail = (cause: unknown) => {
    failed = true;
    stop(cause as Error);
  };
  channel.on('data', (chunk: Buffer) => {
    if (failed) return;
    if (sink === undefined) return kept.add(chunk);
    try {
      const taken = sink(chunk);
      if (taken === undefined) return;
      channel.pause();
      pending = taken.catch(fail).finally(() => channel.resume());
    } catch (cause) {
      fail(cause);
    }
  });
  return { text: kept.text, settled: () => pending };
}

function keep(limit: number) {
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    add: (chunk: Buffer) => {
      if (size < limit) chunks.push(chunk.subarray(0, limit - size));
      size += chunk.length;
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}
