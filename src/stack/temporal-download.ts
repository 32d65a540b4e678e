import { createWriteStream, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { lastLines, runCommand } from './run-command.ts';

// Short, because without a network the build has to begin, and takes minutes.
const ANSWER_TIMEOUT_MS = 5_000;
// For about 45 MB. Below 150 kB/s a build is faster than the download.
const DOWNLOAD_TIMEOUT_MS = 300_000;

export async function downloadTemporal(version: string, target: string): Promise<void> {
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  if (architecture === undefined) throw new Error(`none is published for ${process.arch}`);
  const url = `https://temporal.download/cli/archive/v${version}?platform=${process.platform}&arch=${architecture}`;
  const folder = mkdtempSync(`${target}.download-`);
  try {
    const archive = path.join(folder, 'archive.tar.gz');
    await fetchTo(url, archive);
    const unpacked = await runCommand('tar', ['-xzf', archive, '-C', folder, 'temporal']);
    if (unpacked.exitCode !== 0)
      throw new Error(`${url} is no archive with "temporal" in it: ${lastLines(unpacked.stderr, 1)}`);
    renameSync(path.join(folder, 'temporal'), target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fetchTo(url: string, file: string): Promise<void> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), ANSWER_TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || response.body === null) throw new Error(`${new URL(url).host} answered ${response.status}`);
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), DOWNLOAD_TIMEOUT_MS);
    await pipeline(Readable.fromWeb(response.body), createWriteStream(file));
  } catch (error) {
    if (abort.signal.aborted) throw new Error(`${new URL(url).host} did not answer in time`, { cause: error });
    throw error instanceof TypeError ? new Error(`${new URL(url).host} cannot be reached`, { cause: error }) : error;
  } finally {
    clearTimeout(timer);
  }
}
