import { Command } from 'commander';
import { runWorkers } from '../../workers/main.ts';
import { readConfig } from '../session.ts';

export const workerCommand = (): Command =>
  new Command('worker')
    .description('run the workers until SIGTERM or Ctrl-C; what is under way goes on elsewhere or after the restart')
    .action(() => runWorkers(readConfig()));
