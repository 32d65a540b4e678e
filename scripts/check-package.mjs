// What `npm pack` makes, as a program that installs it sees it: publint reads its manifest, and @arethetypeswrong/cli resolves its types.
// ESM only, as Node 20.19 and later can require it, too. Needs a registry for the two programs, so it is no part of the suite.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'fleetgraph-package-'));
const run = (program, args) => execFileSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
try {
  run('npm', ['pack', '--silent', '--pack-destination', folder]);
  const packed = join(folder, `fleetgraph-${process.env.npm_package_version}.tgz`);
  run('npx', ['--yes', 'publint@0.3.25', 'run', packed, '--strict']);
  run('npx', ['--yes', '@arethetypeswrong/cli@0.18.5', packed, '--profile', 'esm-only']);
} finally {
  rmSync(folder, { recursive: true });
}
