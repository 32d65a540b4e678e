import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';

/** How the name of a dump ends, by how it is compressed. */
export const DUMP_EXTENSIONS = {
  zstd: '.sql.zst',
  gzip: '.sql.gz',
  lz4: '.sql.lz4',
  none: '.sql',
} as const satisfies Record<ExportManifest['compression'], string>;

/** Whether a file is a dump of ours: its name has the id above which the dump begins, and the id with which it ends. */
export const isDumpName = (name: string): boolean =>
  Object.values(DUMP_EXTENSIONS).some(
    (end) => name.endsWith(end) && /^\d{1,20}-\d{1,20}$/.test(name.slice(0, -end.length)),
  );
