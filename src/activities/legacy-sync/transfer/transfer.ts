import { rm } from 'node:fs/promises';
import type { SessionOptions } from '../../../connections/ssh/session-places.ts';
import type { SshPool } from '../../../connections/ssh/ssh-pool.ts';
import type { SshTarget } from '../../../connections/ssh/ssh-target.ts';
import { Failure } from '../../../errors.ts';
import type { HostRates } from '../../../pool/host-rates.ts';
import type { SlotBuffers } from '../../../settings/slot-buffers.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import { type StallLimits, stallGuard } from './stall-guard.ts';
import { transferByExec } from './transfer-exec.ts';
import { sizeOf, transferByScp } from './transfer-scp.ts';
import { transferBySftp } from './transfer-sftp.ts';
import {
  adopt,
  fingerprint,
  namingFullDisk,
  openTransferTarget,
  requireSpace,
  type TransferTarget,
} from './transfer-target.ts';

export interface TransferRequest extends StallLimits, SessionOptions {
  pool: SshPool;
  target: SshTarget;
  manifest: ExportManifest;
  /** Absolute path; its directory exists. While it grows the file is called `<localFile>.part`. */
  localFile: string;
  method: 'exec' | 'sftp' | 'scp';
  minFreeBytes: number;
  buffers: Pick<SlotBuffers, 'hashBytes' | 'sftpReads'>;
  /** Bytes of the file received so far. */
  onProgress?: ((bytes: number) => void) | undefined;
  rates?: Pick<HostRates, 'bytes' | 'bytesPerSecond'> | undefined;
  /** Hears how many bytes came in how many seconds, without those of opening a session. */
  onLine?: ((bytes: number, seconds: number) => Promise<void>) | undefined;
}

/**
 * Transfers an exported file to this host and verifies its size and SHA-256. A complete local file is used as it is; exec and sftp resume
 * the part that an earlier attempt left. Errors: TransferFailed, TransferStalled, LocalDiskFull, SshConnectionLost and its kin, the signal's reason.
 */
export async function transferFile(request: TransferRequest): Promise<void> {
  const { manifest, onProgress, localFile } = request;
  if (await isComplete(request)) {
    onProgress?.(manifest.bytes);
    return;
  }
  const stale = request.method === 'scp' ? 0 : await sizeOf(`${localFile}.part`);
  try {
    await attempt(request);
  } catch (cause) {
    // The part may be of an earlier export of the same range, so the transfer starts again without it.
    if (stale === 0 || !(cause instanceof Failure) || cause.code !== 'TransferFailed') throw cause;
    await rm(`${localFile}.part`, { force: true });
    await attempt(request);
  }
  onProgress?.(manifest.bytes);
}

async function isComplete({ localFile, manifest, buffers }: TransferRequest): Promise<boolean> {
  const found = await fingerprint(localFile, buffers.hashBytes);
  if (found === null) return false;
  if (found.bytes === manifest.bytes && found.hash.digest('hex') === manifest.sha256) return true;
  await rm(localFile, { force: true });
  return false;
}

async function attempt(request: TransferRequest): Promise<void> {
  const { localFile } = request;
  try {
    await (request.method === 'scp' ? byScp(request) : bySession(request, request.method));
  } catch (error) {
    const named = namingFullDisk(error, localFile);
    // The part is removed, because it would keep the disk full.
    if (named instanceof Failure && named.code === 'LocalDiskFull') await rm(`${localFile}.part`, { force: true });
    throw named;
  }
}

async function bySession(request: TransferRequest, method: 'exec' | 'sftp'): Promise<void> {
  const { pool, manifest, localFile, minFreeBytes, buffers, signal, onQueued } = request;
  const opened = await openTransferTarget(localFile, manifest, buffers.hashBytes);
  const line = lineClock();
  const target = { ...opened, write: line.timed(pacedWrite(request, opened)) };
  try {
    await requireSpace(localFile, manifest.bytes - target.offset(), minFreeBytes);
    await pool.withSession(
      (shell) =>
        guarded(request, target.offset, (guard) =>
          method === 'exec'
            ? transferByExec(shell, { file: manifest.file, target, signal: guard })
            : transferBySftp(shell, {
                file: manifest.file,
                size: manifest.bytes,
                target,
                readsAhead: buffers.sftpReads,
                signal: guard,
              }),
        ),
      { signal, onQueued },
    );
    await target.finish();
    await line.tell(request.onLine);
  } finally {
    await target.close();
  }
}

/** Measures from the first piece on: how long that piece itself took is not known. */
function lineClock() {
  let first: number | undefined;
  let last = 0;
  let bytes = 0;
  return {
    timed:
      (write: TransferTarget['write']): TransferTarget['write'] =>
      (chunk) => {
        last = performance.now();
        if (first === undefined) first = last;
        else bytes += chunk.length;
        return write(chunk);
      },
    tell: async (onLine: TransferRequest['onLine']) => onLine?.(bytes, (last - (first ?? last)) / 1_000),
  };
}

/** Waits after each piece until the rate allows its bytes, before the next one is read. */
function pacedWrite({ rates, signal }: TransferRequest, target: TransferTarget): TransferTarget['write'] {
  if (rates === undefined) return target.write;
  return async (chunk) => {
    await target.write(chunk);
    await rates.bytes(chunk.length, signal);
  };
}

async function byScp(request: TransferRequest): Promise<void> {
  const { pool, target, manifest, localFile, minFreeBytes, signal } = request;
  const part = `${localFile}.part`;
  await rm(part, { force: true });
  await requireSpace(localFile, manifest.bytes, minFreeBytes);
  // A session of our own verifies the pinned key first; scp then accepts that key and no other.
  const hostKey = await pool.withSession(async (shell) => Buffer.from(shell.hostKey), request);
  // scp is a program of its own: its bytes are taken at once, and it keeps to the rate by itself.
  await request.rates?.bytes(manifest.bytes, signal);
  const bytesPerSecond = request.rates?.bytesPerSecond() ?? 0;
  let size = 0;
  // scp logs in anew for each file, so the line is measured from the first bytes that are seen here.
  let first: { at: number; bytes: number } | undefined;
  const look = async (): Promise<void> => {
    size = await sizeOf(part);
    if (size > 0) first ??= { at: performance.now(), bytes: size };
  };
  const poll = setInterval(() => void look(), SCP_LOOK_MS);
  try {
    await pool.withOwnConnection(
      () =>
        guarded(
          request,
          () => size,
          (guard) =>
            transferByScp({ target, hostKey, file: manifest.file, localPart: part, bytesPerSecond, signal: guard }),
        ),
      { signal },
    );
  } finally {
    clearInterval(poll);
  }
  const ended = performance.now();
  const found = await fingerprint(part, request.buffers.hashBytes, signal);
  await adopt(localFile, manifest, { bytes: found?.bytes ?? 0, sha256: found?.hash.digest('hex') ?? '' });
  if (first !== undefined) await request.onLine?.(manifest.bytes - first.bytes, (ended - first.at) / 1_000);
}

const PROGRESS_MS = 500;
const SCP_LOOK_MS = 100;

async function guarded(
  { manifest, signal, onProgress, ...limits }: TransferRequest,
  read: () => number,
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const guard = stallGuard(read, limits, manifest.file);
  const progress = setInterval(() => onProgress?.(read()), PROGRESS_MS);
  try {
    await run(signal ? AbortSignal.any([signal, guard.signal]) : guard.signal);
  } finally {
    clearInterval(progress);
    guard.stop();
  }
}
