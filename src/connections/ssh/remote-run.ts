import type { ClientChannel } from 'ssh2';
import { Failure } from '../../errors.ts';
import { BEGIN, remoteInput } from './remote-command.ts';
import { OUTPUT_LIMIT, type RemoteResult, type RunOptions, STDERR_LIMIT } from './remote-shell.ts';

/** The other side needs TERM, two seconds, KILL, and the network there and back. */
const END_GRACE_MS = 5_000;
/** How much longer than the remote host's own time limit we wait before we take the connection for dead. */
const OVERDUE_MS = 15_000;

/**
 * Runs a script on a channel that was opened with REMOTE_COMMAND. It settles when the channel is closed: then the session is free and the
 * remote processes have ended. `onStuck` is called when the channel does not close.
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
  const complaints = pastBegin();
  channel.stderr.on('data', (chunk: Buffer) => complaints.pass(chunk, stderr.add));
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
    const noise = stdout.noise() + complaints.noise();
    if (exit === null && SFTP_ONLY.test(noise)) throw runsNoCommands(where, noise, '');
    if (exit === null) throw lost(where, 'the session ended without an exit code');
    if (typeof exit === 'string') throw lost(where, `the remote shell was ended by ${exit}`);
    if (!stdout.begun()) throw runsNoCommands(where, noise, ` with code ${exit}`);
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

/** sshd accepted the command, and another program than /bin/sh answered to it, or none. */
function runsNoCommands(where: string, said: string, withCode: string): Failure {
  const words = said.replace(/[^\P{C}\n]+|\s+/gu, ' ').trim();
  const quoted = words === '' ? 'said nothing' : `said “${words.slice(-SAID)}”`;
  return new Failure(
    'LegacyToolMissing',
    `The login at ${where} runs no commands: it ${quoted} and ended${withCode} before our script began. ` +
      'Its shell may be nologin or rbash, its .bashrc or .profile may exit, or sshd allows it SFTP only (ForceCommand): give it /bin/sh.',
  );
}

const SAID = 200;

/** What sshd says where only SFTP is allowed. It then often closes the session before it tells the exit code, as a lost connection does. */
const SFTP_ONLY = /allows sftp connections only/;

/** The exit code, the name of the signal that ended the command, or null when neither came: a clean FIN causes no error. */
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
    // The guard was killed and its watcher still runs: at the end of stdin the watcher ends the rest.
    if (code === null) channel.end();
  });
  channel.once('close', () => settle());
  const stop = (why: Error) => {
    if (reason !== null) return;
    reason = why;
    // EOF instead of close: the guard ends its children first, so the session's place is free when the channel closes.
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
  const { pass, begun, noise } = pastBegin();
  let pending: Promise<void> = Promise.resolve();
  let failed = false;
  const fail = (cause: unknown) => {
    failed = true;
    stop(cause as Error);
  };
  const take = (chunk: Buffer): void => {
    if (sink === undefined) return kept.add(chunk);
    try {
      const taken = sink(chunk);
      if (taken === undefined) return;
      channel.pause();
      pending = taken.catch(fail).finally(() => channel.resume());
    } catch (cause) {
      fail(cause);
    }
  };
  channel.on('data', (chunk: Buffer) => {
    if (!failed) pass(chunk, take);
  });
  return { text: kept.text, settled: () => pending, begun, noise };
}

const MARK = Buffer.from(`${BEGIN}\n`);
/** Bytes of a noisy login that are kept. */
const NOISE_LIMIT = 4096;

/** Passes on what follows the line BEGIN: a login's .bashrc may print lines, or a prompt without a newline, into every command. */
function pastBegin() {
  let begun = false;
  let noise = Buffer.alloc(0);
  return {
    pass: (chunk: Buffer, take: (rest: Buffer) => void): void => {
      if (begun) return take(chunk);
      const all = Buffer.concat([noise, chunk]);
      const at = all.indexOf(MARK);
      begun = at >= 0;
      noise = begun ? all.subarray(0, at) : all.subarray(-NOISE_LIMIT);
      if (begun && at + MARK.length < all.length) take(all.subarray(at + MARK.length));
    },
    begun: () => begun,
    noise: () => noise.toString('utf8'),
  };
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
