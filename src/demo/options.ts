import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';

export interface DemoOptions {
  /** Generated vehicles beside the real ones, and rows of each. */
  vehicles: number;
  rows: number;
  /** Real vehicles taken from the data folder. */
  realVehicles: number;
  data: string;
  maxWorkers: number;
  /** Without the Traccar server and the transport graph. */
  fleetOnly: boolean;
  keep: boolean;
}

const CARRIED_DATA = fileURLToPath(new URL('../../data/capmetrics', import.meta.url));

export function parseDemoOptions(argv: readonly string[]): DemoOptions {
  const program = new Command('demo')
    .description('Brings up a private stack, fills a legacy database and syncs its fleet')
    .option('--vehicles <n>', 'generated vehicles', wholeNumber, 20)
    .option('--rows <n>', 'rows of each generated vehicle', wholeNumber, 20_000)
    .option('--real-vehicles <n>', 'real vehicles of the data folder, the busiest first', wholeNumber, 40)
    .option(
      '--data <folder>',
      'take every *.csv.gz of this folder (CapMetrics format) and all its vehicles',
      dataFolder,
    )
    .option('--max-workers <n>', 'worker slots', wholeNumber, 3)
    .option('--fleet-only', 'leave out the Traccar server and the transport graph', false)
    .option('--keep', 'leave the stack up for exploring, until Ctrl-C', false)
    .parse(argv, { from: 'user' });
  const options = program.opts<Omit<DemoOptions, 'data'> & { data?: string }>();
  if (options.data === undefined) return { ...options, data: CARRIED_DATA };
  return { ...options, data: options.data, realVehicles: Number.MAX_SAFE_INTEGER };
}

/** Checks the folder before any server is started. */
function dataFolder(folder: string): string {
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new InvalidArgumentError(`it cannot be read: ${(error as Error).message}.`);
  }
  if (!names.some((name) => name.endsWith('.csv.gz'))) {
    throw new InvalidArgumentError('no file of it ends with .csv.gz; data/capmetrics shows what they look like.');
  }
  return folder;
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(text);
}
