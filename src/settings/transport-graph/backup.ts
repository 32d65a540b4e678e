import { z } from 'zod';
import { address, milliseconds, secretReference, text } from '../setting-kinds.ts';
import { setting } from './setting-kinds.ts';

/** Where datasets and graphs are backed up. */
export const BACKUP_SETTINGS = {
  backupEnabled: setting('backup.enabled', z.boolean(), false, 'Whether datasets and graphs are backed up.'),
  backupEndpoint: setting(
    'backup.endpoint',
    address,
    '',
    'Address of the S3-compatible store; empty: Amazon’s, by its region.',
  ),
  backupRegion: setting('backup.region', text.min(1), 'us-east-1', 'Region of the store.'),
  backupBucket: setting(
    'backup.bucket',
    z
      .string()
      .regex(/^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$/)
      .meta({ description: 'a bucket name, or empty' }),
    '',
    'Bucket of the backups.',
  ),
  backupPrefix: setting(
    'backup.prefix',
    z
      .string()
      .regex(/^([A-Za-z0-9._-]+\/)*$/)
      .meta({ description: 'a prefix that ends with `/`, or empty' }),
    '',
    'Put before every key.',
  ),
  backupAccessKeyRef: setting('backup.access_key_ref', secretReference, '', 'Where the access key id lies.'),
  backupSecretKeyRef: setting('backup.secret_key_ref', secretReference, '', 'Where the secret access key lies.'),
  backupPathStyle: setting(
    'backup.path_style',
    z.boolean(),
    true,
    'Bucket in the path, as stores outside Amazon want it.',
  ),
  backupTimeoutMs: setting('backup.timeout_ms', milliseconds, 60_000, 'Longest upload of one backup.'),
  backupSweepMs: setting('backup.sweep_ms', milliseconds, 300_000, 'How often a worker tries failed backups again.'),
} as const;
