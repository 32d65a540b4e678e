// Builds only when a source is newer than the build, so that a command of the CLI starts in a moment.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const newest = readdirSync(join(root, 'src'), { recursive: true }).reduce(
  (latest, name) => Math.max(latest, modified(join(root, 'src', name))),
  0,
);
if (newest > modified(join(root, 'dist/workflow-bundle.js'))) {
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit', cwd: root });
  process.exit(status ?? 1);
}
