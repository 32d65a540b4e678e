import { type ObjectStore, openObjectStore } from '../../connections/object-store.ts';
import { readPassword } from '../../connections/secrets.ts';
import { Failure } from '../../errors.ts';
import type { TransportGraphSettings } from '../../settings/transport-graph.ts';

/**
 * The store that the settings name, with its keys read anew. Close it after use.
 * Errors: ObjectStoreRejected when the settings are incomplete, SecretUnavailable.
 */
export async function openBackupStore(settings: TransportGraphSettings): Promise<ObjectStore> {
  const { backupBucket, backupAccessKeyRef, backupSecretKeyRef } = settings;
  if (backupBucket === '' || backupAccessKeyRef === '' || backupSecretKeyRef === '') {
    throw new Failure(
      'ObjectStoreRejected',
      'Backups are on, and transport_graph.backup.bucket, access_key_ref or secret_key_ref is empty. Set them, or turn backups off.',
    );
  }
  return openObjectStore({
    endpoint: settings.backupEndpoint,
    region: settings.backupRegion,
    bucket: backupBucket,
    accessKeyId: await readPassword(backupAccessKeyRef),
    secretAccessKey: await readPassword(backupSecretKeyRef),
    pathStyle: settings.backupPathStyle,
    timeoutMs: settings.backupTimeoutMs,
  });
}
