import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../../../errors.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';

/** Size and SHA-256 of a local file; null when there is none. Never follows a link. */
export async function fingerprint(file: string, hashBytes: number, signal?: AbortSignal) {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (handle === null) return null;
  try {
    const hash = createHash('sha256');
    const bytes = await hashFrom(handle, hash, { hashBytes, signal });
    return { bytes, hash };
  } finally {
    await handle.close();
  }
}

async function hashFrom(
  handle: FileHandle,
  hash: ReturnType<typeof createHash>,
  { hashBytes, signal }: { hashBytes: number; signal?: AbortSignal | undefined },
): Promise<number> {
  const chunk = Buffer.allocUnsafe(hashBytes);
  for (let at = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(chunk, 0, hashBytes, at);
    if (bytesRead === 0) return at;
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** A local file that is written in order, resumes where an earlier attempt stopped, and gets its name only when it is verified. */
export interface TransferTarget {
  /** Bytes written and hashed so far. */
  offset(): number;
  /** Offset at which this attempt began. */
  readonly resumedAt: number;
  write(chunk: Buffer): Promise<void>;
  /** Gives the file its name when size and SHA-256 are the manifest's. Errors: TransferFailed; the part is removed then. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

export async function openTransferTarget(
  localFile: string,
  manifest: ExportManifest,
  hashBytes: number,
): Promise<TransferTarget> {
  const part = `${localFile}.part`;
  const found = await fingerprint(part, hashBytes);
  const usable = found !== null && found.bytes <= manifest.bytes;
  if (!usable) await rm(part, { force: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;
  const handle = await open(part, flags, 0o600);
  const hash = usable ? found.hash : createHash('sha256');
  const resumedAt = usable ? found.bytes : 0;
  let offset = resumedAt;
  return {
    offset: () => offset,
    resumedAt,
    write: async (chunk) => {
      if (offset + chunk.length > manifest.bytes) {
        await rm(part, { force: true });
        throw unequal(localFile, `more than ${manifest.bytes} bytes`);
      }
      // Written at a position, not appended: an attempt that was paused and goes on writes the same bytes to the same place.
      for (let done = 0; done < chunk.length; ) {
        done += (await handle.write(chunk, done, chunk.length - done, offset + done)).bytesWritten;
      }
      hash.update(chunk);
      offset += chunk.length;
    },
    finish: async () => {
      await handle.close();
      await adopt(localFile, manifest, { bytes: offset, sha256: hash.digest('hex') });
    },
    close: () => handle.close().catch(() => {}),
  };
}

/** Errors: TransferFailed. The part is removed then, because a wrong byte in it would spoil every later attempt. */
export async function adopt(
  localFile: string,
  manifest: ExportManifest,
  found: { bytes: number; sha256: string },
): Promise<void> {
  if (found.bytes !== manifest.bytes || found.sha256 !== manifest.sha256) {
    await rm(`${localFile}.part`, { force: true });
    const difference = found.bytes === manifest.bytes ? 'another SHA-256' : `${found.bytes} of ${manifest.bytes} bytes`;
    throw unequal(localFile, difference);
  }
  await rename(`${localFile}.part`, localFile);
}

function unequal(localFile: string, found: string): Failure {
  return new Failure(
    'TransferFailed',
    `The local copy ${localFile} is not the exported file: ${found}. The copy was removed; the transfer begins anew.`,
  );
}

/** Errors: LocalDiskFull when the missing bytes would leave less than `minFreeBytes` free. */
export async function requireSpace(localFile: string, missingBytes: number, minFreeBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(localFile));
  const free = bavail * bsize;
  if (free - missingBytes >= minFreeBytes) return;
  throw new Failure(
    'LocalDiskFull',
    `Transferring ${missingBytes} bytes to ${dirname(localFile)}: ${free} bytes are free there and ${minFreeBytes} are to stay free. Free space on the staging volume.`,
  );
}

/** LocalDiskFull for an error of a full disk, else the error itself. */
export function namingFullDisk(error: unknown, localFile: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EFBIG') return error;
  return new Failure(
    'LocalDiskFull',
    `Writing ${localFile}: ${code}. The part was removed. Free space on the staging volume.`,
    { cause: error },
  );
}
