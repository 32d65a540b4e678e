import type { SFTPWrapper } from 'ssh2';

/** One session at a legacy host, lent by the pool: one command or one SFTP use at a time. */
export interface RemoteShell {
  /** Host key of the connection, in wire format: one of the pinned ones. */
  readonly hostKey: Buffer;
  /**
   * Runs a POSIX script under /bin/sh and gives back its exit code, whatever it is. Remote processes end with the session.
   * Errors: SshConnectionLost (also when no exit code came, or a signal instead of one), SshSessionRefused, the signal's reason.
   */
  run(script: string, options: RunOptions): Promise<RemoteResult>;
  /** Errors: as `run`, and what `use` throws. */
  sftp<T>(use: (sftp: SFTPWrapper) => Promise<T>, options: { signal?: AbortSignal | undefined }): Promise<T>;
}

export interface RunOptions {
  /** After this long the host ends the script: exit code 124. */
  timeoutMs: number;
  /** The script's stdin: the place for secrets and for long statements. Empty by default. */
  payload?: string | Buffer;
  /** 0 to 19 with idle I/O priority; absent leaves the login's own. */
  niceness?: number | null;
  signal?: AbortSignal | undefined;
  /** Takes stdout as it comes, instead of `stdout` in the result; the sender waits for a returned promise. */
  onStdout?: (chunk: Buffer) => void | Promise<void>;
}

export interface RemoteResult {
  code: number;
  /** At most OUTPUT_LIMIT bytes of each; the rest is read and dropped. */
  stdout: string;
  stderr: string;
}

/** A plan of 1,000 vehicles with 1,000 tables of 40 columns prints about 4 MB. */
export const OUTPUT_LIMIT = 32 * 1024 * 1024;
export const STDERR_LIMIT = 64 * 1024;
