// tsc compiles modules and leaves the dashboard's files where they are: the built API reads them beside its own code.
import { cp, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';

const folder = 'api/dashboard/public';
const root = join(import.meta.dirname, '..');
const target = join(root, 'dist', folder);
await rm(target, { recursive: true, force: true });
// Its types and their configuration are for the checks of the repository.
const served = (path) => ['', '.html', '.css', '.js', '.svg'].includes(extname(path));
await cp(join(root, 'src', folder), target, { recursive: true, filter: served });
