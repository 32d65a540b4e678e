import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { withHostLock } from '../../src/stack/host-lock.ts';
import { findOnPath, isExecutable, lastLines, runCommand } from '../../src/stack/run-command.ts';

export interface GoTool {
  /** Name of the program. */
  name: string;
  /** Folder whose go.mod pins it. */
  folder: string;
  module: string;
  /** Its main package, below the module. */
  command: string;
}

/** A program that Go builds once for this machine, at the version that its go.mod pins; or the reason why there is none. */
export async function findGoTool(tool: GoTool): Promise<{ program: string } | { missing: string }> {
  const folder = join(checkoutDir(), tool.folder);
  const version = new RegExp(`${tool.module} v(\\S+)`).exec(readFileSync(join(folder, 'go.mod'), 'utf8'))?.[1];
  const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'fleetgraph', 'bin');
  const program = join(cacheDir, `${tool.name}-${version}`);
  if (isExecutable(program)) return { program };
  const go = findOnPath('go', ['/usr/local/go/bin']);
  if (go === null) return { missing: `no Go to build ${tool.name} ${version} with` };
  mkdirSync(cacheDir, { recursive: true });
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const failed = await withHostLock(
    `go tool ${program}`,
    () => say(`waiting for another build of ${tool.name}`),
    () => (isExecutable(program) ? Promise.resolve(null) : build(go, tool, folder, program, say)),
  );
  return failed === null ? { program } : { missing: failed };
}

/** @returns why the build failed, or null */
async function build(
  go: string,
  { name, module, command }: GoTool,
  folder: string,
  program: string,
  say: (line: string) => void,
): Promise<string | null> {
  const unfinished = `${program}.part`;
  say(`building ${name} (first time, about a minute)`);
  const args = ['build', '-C', folder, '-trimpath', '-ldflags', '-s -w', '-o', unfinished, `${module}/${command}`];
  const env = { ...process.env, CGO_ENABLED: '0' };
  const { exitCode, stderr } = await runCommand(go, args, { env, timeoutMs: 900_000 });
  if (exitCode !== 0) {
    rmSync(unfinished, { force: true });
    return `${name} could not be built: ${lastLines(stderr, 1)}`;
  }
  renameSync(unfinished, program);
  return null;
}
