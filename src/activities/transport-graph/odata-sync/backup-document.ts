import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { z } from 'zod';
import { Failure } from '../../../errors.ts';
import type { RawSet } from './fetch-dataset.ts';

const FORMAT = 'fleetgraph-odata-backup-1';

const documentSchema = z.strictObject({
  format: z.literal(FORMAT),
  source: z.string(),
  rawSha256: z.string(),
  sets: z.array(z.strictObject({ set: z.string(), pages: z.array(z.string()) })),
});
export type BackupDocument = z.infer<typeof documentSchema>;

/** The same answers always get the same key, so a backup that is stored already needs no second upload. */
export const backupKey = (prefix: string, source: string, rawSha256: string): string =>
  `${prefix}datasets/${source}/${rawSha256}.json.gz`;

/** Packs the source's answers as gzip JSON, character by character. */
export async function packBackup(source: string, rawSha256: string, raw: RawSet[]): Promise<Buffer> {
  const document: BackupDocument = {
    format: FORMAT,
    source,
    rawSha256,
    // The byte order mark is kept, because the hash is of the bytes as they came.
    sets: raw.map(({ set, pages }) => ({ set, pages: pages.map((page) => page.toString('utf8')) })),
  };
  return promisify(gzip)(JSON.stringify(document));
}

/** Unpacks a backup and checks its hash. Errors: OdataInvalid. */
export async function unpackBackup(body: Buffer): Promise<BackupDocument> {
  const refuse = (found: string, cause?: unknown) =>
    new Failure('OdataInvalid', `Reading a backup: ${found}.`, { cause });
  let document: BackupDocument;
  try {
    document = documentSchema.parse(JSON.parse((await promisify(gunzip)(body)).toString('utf8')));
  } catch (error) {
    throw refuse('it is no backup of a dataset, or incomplete', error);
  }
  const hash = createHash('sha256');
  for (const { pages } of document.sets) for (const page of pages) hash.update(page);
  if (hash.digest('hex') !== document.rawSha256) throw refuse('its content is not what its hash says');
  return document;
}
