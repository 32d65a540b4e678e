import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HostLock, tryLock } from './host-lock.ts';

// Two servers on one data folder destroy it, or take each other's work: a second Temporal starts without a complaint.
export async function lockStateDir(stateDir: string): Promise<HostLock> {
  const holderFile = path.join(stateDir, 'holder');
  const lock = await tryLock(`state ${realpathSync(stateDir)}`);
  if (lock === null) {
    throw new Error(
      `Cannot start the private servers in ${stateDir}: ${holder(holderFile)} uses this folder. ` +
        'Stop it first (Ctrl-C or kill), or set FLEETGRAPH_STATE_DIR to another folder.',
    );
  }
  const command = process.argv.slice(1).join(' ');
  writeFileSync(holderFile, `process ${process.pid} (${command}), since ${new Date().toISOString()},\n`);
  return lock;
}

function holder(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return 'another process';
  }
}
