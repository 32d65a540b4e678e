import { chownSync } from 'node:fs';
import os from 'node:os';
import { type CommandOptions, type CommandResult, findOnPath, runCommand } from './run-command.ts';

export interface ServerAccount {
  name: string;
  uid: number;
  gid: number;
  /** setpriv arguments that switch to this account; empty when this process runs as it already. */
  dropArgs: string[];
}

// PostgreSQL refuses to run as root, and an sshd of root would let any system account in. The postgres account comes
// with PostgreSQL's package, and its login shell makes it usable as the legacy host's unprivileged login.
export async function serverAccount(): Promise<ServerAccount> {
  const own = os.userInfo();
  if (own.uid !== 0) return { name: own.username, uid: own.uid, gid: own.gid, dropArgs: [] };
  const entry = await runCommand('getent', ['passwd', 'postgres']);
  const [name, , uid, gid] = entry.stdout.trim().split(':');
  if (entry.exitCode !== 0 || !name || !uid || !gid) {
    throw new Error(
      'Cannot choose an unprivileged account for the servers: we are root and there is no "postgres" account. ' +
        'Install PostgreSQL from your distribution, or start this command as an ordinary user.',
    );
  }
  return {
    name,
    uid: Number(uid),
    gid: Number(gid),
    dropArgs: [`--reuid=${uid}`, `--regid=${gid}`, '--init-groups'],
  };
}

// One setpriv for both: a change of uid clears the parent-death signal, so it cannot be set first and dropped later.
export function asAccount(
  account: ServerAccount,
  deathSignal: string,
  command: string[],
): { binary: string; args: string[] } {
  const setpriv = findOnPath('setpriv');
  if (setpriv === null) throw new Error('Cannot start a server: setpriv is missing. Install the package util-linux.');
  return { binary: setpriv, args: [...account.dropArgs, '--pdeathsig', deathSignal, ...command] };
}

export async function runAsAccount(
  account: ServerAccount,
  command: string[],
  options: CommandOptions & { what: string },
): Promise<CommandResult> {
  const { binary, args } = asAccount(account, 'KILL', command);
  const result = await runCommand(binary, args, options);
  if (result.exitCode !== 0) {
    throw new Error(
      `Cannot ${options.what}: ${command[0]} ended with code ${result.exitCode}.\n${(result.stderr + result.stdout).trim()}`,
    );
  }
  return result;
}

export function giveTo(account: ServerAccount, file: string): void {
  if (account.dropArgs.length > 0) chownSync(file, account.uid, account.gid);
}
