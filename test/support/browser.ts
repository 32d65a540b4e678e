import os from 'node:os';
import { existsSync, readFileSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { installPackages } from '../../src/stack/debian-packages.ts';
import { findOnPath } from '../../src/stack/run-command.ts';

/** Lets the browser connect only to the pages that a test opens: no updates, no field trials, no safe-browsing lists. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium, which is installed if we may; else the reason why there is none. */
async function findChromium(): Promise<{ program: string } | { missing: string }> {
  const find = (): string | null => findOnPath('chromium');
  if (find() === null && os.userInfo().uid === 0 && isDebian()) {
    await installPackages(['chromium'], (line) => process.stderr.write(`${line}\n`));
  }
  const program = find();
  return program === null
    ? { missing: 'no Chromium: install the package chromium (sudo apt-get install --no-install-recommends chromium)' }
    : { program };
}

function isDebian(): boolean {
  return existsSync('/etc/debian_version') && /^ID=debian/m.test(readFileSync('/etc/os-release', 'utf8'));
}

export async function openBrowser(): Promise<Browser | { missing: string }> {
  const found = await findChromium();
  if ('missing' in found) return found;
  return chromium.launch({ executablePath: found.program, args: FLAGS, chromiumSandbox: false });
}
