import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import type { LocalStaging } from '../transfer/local-staging.ts';
import type { RangeWork } from './range-work.ts';

/** Brings an exported file to this host, going on with what is here of it; the path of the copy. */
export async function transferToStaging(
  { staging, faultPoint }: { staging: LocalStaging; faultPoint?: (name: string) => void },
  { key, host, attempt }: Pick<RangeWork, 'key' | 'host' | 'attempt'>,
  manifest: ExportManifest,
): Promise<string> {
  const { signal, progress, queued, setStatus } = attempt;
  const localFile = await staging.fileFor(key, manifest);
  await setStatus('transferring');
  await host.transfer({
    manifest,
    localFile,
    signal,
    onQueued: queued,
    onProgress: (bytes) => {
      if (bytes >= manifest.bytes / 2 && bytes < manifest.bytes) faultPoint?.('transfer:half');
      progress.report(bytes);
    },
  });
  return localFile;
}
