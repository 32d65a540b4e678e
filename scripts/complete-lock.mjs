// A registry mirror that does not offer the binaries of other platforms makes npm leave them out of the lock, and then `npm ci` refuses it.
// Run after every change of dependencies: `node scripts/complete-lock.mjs`. It adds them by name and exact version; npm checks them
// against what the registry of that platform says.
import { readFileSync, writeFileSync } from 'node:fs';
const file = process.argv[2] ?? 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8'));
const OS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const CPU = {
  arm64: 'arm64',
  x64: 'x64',
  ia32: 'ia32',
  arm: 'arm',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  loong64: 'loong64',
};
let added = 0;
for (const [path, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    if (path === '' || lock.packages[`node_modules/${name}`] || lock.packages[`${path}/node_modules/${name}`]) continue;
    const words = name.split(/[/-]/);
    const os = OS.find((each) => words.includes(each));
    const cpu = Object.keys(CPU).find((each) => words.includes(each));
    if (!os || !cpu) {
      console.log('skipped', path, name, version);
      continue;
    }
    const libc = os === 'linux' ? (words.some((w) => w.startsWith('musl')) ? ['musl'] : ['glibc']) : null;
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(parent.dev ? { dev: true } : {}),
      ...(libc && /gnu|musl/.test(name) ? { libc } : {}),
      optional: true,
      os: [os],
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log('added', added);
