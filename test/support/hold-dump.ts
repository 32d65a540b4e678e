import { readFileSync, readdirSync } from 'node:fs';
import type { Fleet } from './fleet.ts';
import { eventually } from './eventually.ts';

/** Rows and padding of a vehicle whose dump takes long enough to be caught, about 20 MB. */
export const CATCHABLE = { rows: 30_000, padding: 600 };

/** Waits for a dump of this fleet's legacy database and stops its process in the middle of it; the answer lets it go on. */
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
      // Ended meanwhile, which is what some tests are about.
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
