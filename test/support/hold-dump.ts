import { readFileSync, readdirSync } from 'node:fs';
import type { Fleet } from './fleet.ts';
import { eventually } from './eventually.ts';

/** The rows of a vehicle whose dump, of about 20 MB, takes long enough to be stopped while it runs. */
export const CATCHABLE = { rows: 30_000, padding: 600 };

/** Waits for a dump of this fleet's legacy database and stops its process half-way. The function that it returns lets the dump go on. */
export async function holdDump({ legacy }: Fleet): Promise<() => void> {
  const pid = await eventually(
    () => {
      const found = processes().find(
        ({ command }) => /^\S*(mariadb|mysql)-?dump /.test(command) && command.includes(legacy.name),
      );
      if (found === undefined) throw new Error('No dump was seen.');
      process.kill(found.pid, 'SIGSTOP');
      return found.pid;
    },
    { withinMs: 30_000, everyMs: 2 },
  );
  return () => {
    try {
      process.kill(pid, 'SIGCONT');
    } catch {
      // The process has ended meanwhile, which some tests expect.
    }
  };
}

export function processes(): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), command: commandLine(name) }));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
