import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { type CommandResult, runCommand } from '../../src/stack/run-command.ts';

export interface WorkflowCopy {
  write(file: string, source: string): void;
  /** A tool of node_modules/.bin, run in the copy. */
  run(tool: string, args: string[]): Promise<CommandResult>;
  node(script: string): Promise<CommandResult>;
  remove(): void;
}

/** The workflows and the configuration of the tools that guard them, in a folder where they may be spoilt. */
export function copyWorkflows(): WorkflowCopy {
  const root = checkoutDir();
  const copy = mkdtempSync(join(tmpdir(), 'fleetgraph-workflows-'));
  for (const file of ['package.json', 'tsconfig.json', '.oxlintrc.json', 'src/workflows']) {
    cpSync(join(root, file), join(copy, file), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const write = (file: string, source: string) => writeFileSync(join(copy, file), source);
  return {
    write,
    run: (tool, args) => runCommand(join(copy, 'node_modules/.bin', tool), args, { cwd: copy }),
    node: (script) => {
      write('script.mjs', script);
      return runCommand(process.execPath, [join(copy, 'script.mjs')], { cwd: dirname(join(copy, 'script.mjs')) });
    },
    remove: () => rmSync(copy, { recursive: true, force: true }),
  };
}
