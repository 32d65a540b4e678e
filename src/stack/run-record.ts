import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { identify } from './processes.ts';

const RunRecord = z.object({
  name: z.string(),
  pid: z.number().int().positive(),
  startTime: z.string(),
  bootId: z.string(),
  port: z.number().int(),
  stopSignal: z.enum(['SIGINT', 'SIGTERM']),
});
export type RunRecord = z.infer<typeof RunRecord>;

function runDir(stateDir: string): string {
  return path.join(stateDir, 'run');
}

export function writeRunRecord(
  stateDir: string,
  server: Pick<RunRecord, 'name' | 'pid' | 'port' | 'stopSignal'>,
): void {
  const identity = identify(server.pid);
  // The process has ended already, and its exit event will report that.
  if (identity === null) return;
  mkdirSync(runDir(stateDir), { recursive: true });
  const file = path.join(runDir(stateDir), `${server.name}.json`);
  writeFileSync(`${file}.new`, `${JSON.stringify({ ...server, ...identity })}\n`);
  renameSync(`${file}.new`, file);
}

// A record that cannot be read (cut short by a full disk) is skipped: the sweep also looks at working directories.
export function readRunRecords(stateDir: string): RunRecord[] {
  let names: string[];
  try {
    names = readdirSync(runDir(stateDir));
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      try {
        const parsed = RunRecord.safeParse(JSON.parse(readFileSync(path.join(runDir(stateDir), name), 'utf8')));
        return parsed.success ? [parsed.data] : [];
      } catch {
        return [];
      }
    });
}
