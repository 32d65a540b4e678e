import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  timeoutMs?: number;
}

// Resolves for every exit code, so that the caller words the error. A program that could not be started gives 127.
export function runCommand(binary: string, args: string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      binary,
      args,
      {
        cwd: options.cwd,
        env: options.env ?? process.env,
        timeout: options.timeoutMs ?? 0,
        killSignal: 'SIGKILL',
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
        resolve({ exitCode, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
      },
    );
  });
}

export function lastLines(text: string, count = 15): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

// The sbin folders hold servers and are often missing from an ordinary user's PATH.
export function findOnPath(
  name: string,
  extraDirs: string[] = ['/usr/sbin', '/usr/local/sbin', '/sbin'],
): string | null {
  const dirs = [...(process.env['PATH'] ?? '').split(':').filter((dir) => path.isAbsolute(dir)), ...extraDirs];
  return dirs.map((dir) => path.join(dir, name)).find(isExecutable) ?? null;
}
