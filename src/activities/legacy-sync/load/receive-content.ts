import { rm } from 'node:fs/promises';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import { type StallLimits, stallGuard } from './stall-guard.ts';
import { type TransferTarget, namingFullDisk, openTransferTarget, requireSpace } from './transfer-target.ts';

export interface ReceiveRequest extends StallLimits {
  /** Absolute path for the file; its directory exists afterwards. While it grows the file is called `<path>.part`. */
  fileFor: (manifest: ExportManifest) => Promise<string>;
  minFreeBytes: number;
  signal: AbortSignal;
  /** The file is there, whole, on the legacy host, and its bytes are about to come. */
  onSending?: ((manifest: ExportManifest) => void) | undefined;
  onProgress?: ((manifest: ExportManifest, bytes: number) => void) | undefined;
}

export type OnContent = (manifest: ExportManifest, chunk: Buffer) => Promise<void>;

interface Receiving {
  manifest: ExportManifest;
  localFile: string;
  target: TransferTarget;
  stopGuard: () => void;
}

/**
 * Takes what the exporting session sends while `run` is under way, and proves it afterwards by size and SHA-256 as any transfer. Nothing is
 * resumed: what is lost is exported again, which is why only small dumps come this way. The signal that `run` gets also aborts when
 * the bytes stall. Errors: TransferFailed, TransferStalled, LocalDiskFull, and what `run` throws.
 */
export async function receivingContent<T>(
  request: ReceiveRequest,
  run: (onContent: OnContent, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stalled = new AbortController();
  let receiving: Receiving | null = null;
  const onContent: OnContent = async (manifest, chunk) => {
    receiving ??= await begin(request, manifest, stalled);
    try {
      await receiving.target.write(chunk);
    } catch (error) {
      throw namingFullDisk(error, receiving.localFile);
    }
    request.onProgress?.(manifest, receiving.target.offset());
  };
  try {
    const result = await run(onContent, AbortSignal.any([request.signal, stalled.signal]));
    await (receiving as Receiving | null)?.target.finish();
    return result;
  } catch (error) {
    const failed = receiving as Receiving | null;
    if (failed !== null) await rm(`${failed.localFile}.part`, { force: true });
    throw error;
  } finally {
    const ended = receiving as Receiving | null;
    ended?.stopGuard();
    await ended?.target.close();
  }
}

async function begin(request: ReceiveRequest, manifest: ExportManifest, stalled: AbortController): Promise<Receiving> {
  const { onSending, fileFor, minFreeBytes } = request;
  onSending?.(manifest);
  const localFile = await fileFor(manifest);
  await requireSpace(localFile, manifest.bytes, minFreeBytes);
  // A part that an earlier attempt left is of an earlier dump; a whole file is replaced.
  await rm(`${localFile}.part`, { force: true });
  const target = await openTransferTarget(localFile, manifest);
  const guard = stallGuard(target.offset, request, manifest.file);
  guard.signal.addEventListener('abort', () => stalled.abort(guard.signal.reason as Error), { once: true });
  return { manifest, localFile, target, stopGuard: guard.stop };
}
