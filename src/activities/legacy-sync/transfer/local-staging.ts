import { randomUUID } from 'node:crypto';
import { link, lstat, mkdir, readdir, readFile, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import { WORK_ID } from '../../../records/slice-claims.ts';
import { isDumpName } from './dump-name.ts';

export interface StagingDir {
  vehicleId: string;
  runId: string;
}

/** Where this host keeps dumps between transfer and import. */
export interface LocalStaging {
  /** Names this host as long as its staging volume exists; container names change with each deploy. */
  readonly hostId: string;
  /** Path for the local copy of an exported file, in a private directory that exists afterwards. */
  fileFor(dir: StagingDir, manifest: ExportManifest): Promise<string>;
  /** Removes the copy and any part of it. A second call changes nothing. */
  removeFile(localFile: string): Promise<void>;
  /** Removes everything of a vehicle in a run. A second call changes nothing. */
  remove(dir: StagingDir): Promise<void>;
  /** Every directory of ours, with the time since its last change. */
  list(): Promise<(StagingDir & { ageMs: number; bytes: number })[]>;
}

const RUN = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

/** Opens the staging folder of this host, and makes it when it is missing. */
export async function openLocalStaging(root: string): Promise<LocalStaging> {
  const base = resolve(root);
  await mkdir(base, { recursive: true, mode: 0o700 });
  const hostId = await ownHostId(join(base, 'host-id'));
  const pathOf = ({ vehicleId, runId }: StagingDir): string => {
    if (!WORK_ID.test(vehicleId) || !RUN.test(runId)) throw new TypeError(`Not ours: ${vehicleId}/${runId}`);
    return join(base, vehicleId, runId);
  };
  return {
    hostId,
    fileFor: async (dir, manifest) => {
      const name = basename(manifest.file);
      if (!isDumpName(name)) throw new TypeError(`Not the name of a dump of ours: ${name}`);
      await mkdir(pathOf(dir), { recursive: true, mode: 0o700 });
      return join(pathOf(dir), name);
    },
    removeFile: async (localFile) => {
      if (!localFile.startsWith(`${base}/`)) throw new TypeError(`Not in the staging folder: ${localFile}`);
      await Promise.all([localFile, `${localFile}.part`].map((file) => rm(file, { force: true })));
    },
    remove: async (dir) => {
      await rm(pathOf(dir), { recursive: true, force: true });
      await rmdir(dirname(pathOf(dir))).catch(() => {});
    },
    list: () => list(base),
  };
}

/** The id is written under another name first and then linked, so that two processes that start together agree on one id. */
async function ownHostId(file: string): Promise<string> {
  const draft = `${file}.${process.pid}.${randomUUID()}`;
  await writeFile(draft, `${randomUUID()}\n`, { mode: 0o600, flag: 'wx' });
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await unlink(draft);
  return (await readFile(file, 'utf8')).trim();
}

async function list(base: string) {
  const found = [];
  for (const vehicleId of await namesIn(base, WORK_ID)) {
    for (const runId of await namesIn(join(base, vehicleId), RUN)) {
      const dir = join(base, vehicleId, runId);
      const files = [dir, ...(await namesIn(dir, /./)).map((file) => join(dir, file))];
      const states = (await Promise.all(files.map((file) => lstat(file).catch(() => null)))).filter((s) => s !== null);
      const newest = Math.max(0, ...states.map((state) => state.mtimeMs));
      const bytes = states.reduce((sum, state) => sum + (state.isFile() ? state.size : 0), 0);
      found.push({ vehicleId, runId, ageMs: Math.max(0, Date.now() - newest), bytes });
    }
  }
  return found;
}

async function namesIn(dir: string, pattern: RegExp): Promise<string[]> {
  const entries = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  return entries.filter((name) => pattern.test(name));
}
