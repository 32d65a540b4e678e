import { existsSync, renameSync, rmSync } from 'node:fs';
import { createServerDir } from './state-dir.ts';
import type { ServerAccount } from './server-account.ts';

// Built beside its place and moved there when complete, so that a data folder either is whole or is not there: an
// initialisation that was killed half-way is simply done again.
export async function makeDataFolderOnce(
  dataDir: string,
  account: ServerAccount,
  fill: (dir: string) => Promise<void>,
): Promise<void> {
  if (existsSync(dataDir)) return;
  const draft = `${dataDir}.incomplete`;
  rmSync(draft, { recursive: true, force: true });
  createServerDir(draft, account);
  await fill(draft);
  renameSync(draft, dataDir);
}
