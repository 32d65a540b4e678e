import { existsSync, renameSync, rmSync } from 'node:fs';
import { createServerDir } from './state-dir.ts';
import type { ServerAccount } from './server-account.ts';

// Builds the folder beside its place and moves it there when it is complete, so that a data folder is whole or missing.
// An initialisation that was killed half-way is done again.
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
