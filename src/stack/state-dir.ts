import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { checkoutDir } from './checkout-dir.ts';
import { giveTo, type ServerAccount } from './server-account.ts';

export type StackPurpose = 'dev' | 'demo' | 'test' | 'bench';

const MARKER = '.fleetgraph-state';

// Not below the home folder: root's is closed (0700), and root's servers run as another account.
export function stackStateDir(purpose: StackPurpose): string {
  const chosen = process.env['FLEETGRAPH_STATE_DIR'];
  if (chosen !== undefined && chosen !== '') return path.resolve(chosen, purpose);
  const hash = createHash('sha256').update(checkoutDir()).digest('hex').slice(0, 12);
  return path.join('/var/tmp', `fleetgraph-${os.userInfo().uid}`, hash, purpose);
}

// 0711: the server account must reach the folders below, and nobody else needs to list them.
export function createStateDir(stateDir: string): void {
  const missing: string[] = [];
  for (let dir = stateDir; !existsSync(dir); dir = path.dirname(dir)) missing.unshift(dir);
  for (const dir of missing) {
    mkdirSync(dir, { recursive: true });
    chmodSync(dir, 0o711);
  }
  // Everybody may write to /var/tmp, so another user may have made the folder first, to read our files.
  const base = path.join('/var/tmp', `fleetgraph-${os.userInfo().uid}`);
  for (const dir of stateDir.startsWith(`${base}/`) ? [base, stateDir] : [stateDir]) {
    const { uid } = lstatSync(dir);
    if (uid !== os.userInfo().uid) {
      throw new Error(
        `Cannot use the state folder ${dir}: it belongs to uid ${uid}. Set FLEETGRAPH_STATE_DIR to a folder of yours.`,
      );
    }
  }
  const marker = path.join(stateDir, MARKER);
  if (existsSync(marker)) return;
  const found = readdirSync(stateDir);
  if (found.length > 0) {
    throw new Error(
      `Cannot use ${stateDir} as the state folder: it holds other files (${found.slice(0, 3).join(', ')}). ` +
        'Name an empty or a new folder; a state folder may be wiped.',
    );
  }
  writeFileSync(marker, 'Private servers of fleetgraph. May be deleted when none of them runs.\n');
}

// A folder without our marker is never emptied.
export function wipeStateDir(stateDir: string): void {
  if (!existsSync(path.join(stateDir, MARKER))) return;
  for (const name of readdirSync(stateDir)) {
    if (name !== MARKER && name !== 'holder') rmSync(path.join(stateDir, name), { recursive: true, force: true });
  }
}

export function removeStateDir(stateDir: string): void {
  if (!existsSync(path.join(stateDir, MARKER))) return;
  rmSync(stateDir, { recursive: true, force: true });
}

// Mode 0700 keeps other accounts out, except root.
export function createServerDir(dir: string, account: ServerAccount, mode = 0o700): string {
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, mode);
  giveTo(account, dir);
  return dir;
}
