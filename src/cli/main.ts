#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { explain } from './explain.ts';

const program = new Command('fleetgraph')
  .description('Durable data pipelines for public-transport operators, on Temporal')
  .showHelpAfterError()
  .enablePositionalOptions()
  .exitOverride();

interface Module {
  names: string[];
  load: () => Promise<Command[]>;
}

const module = (name: string, load: () => Promise<Command>): Module => ({
  names: [name],
  load: async () => [await load()],
});

/** In the order of the help. Only the module of the command that is asked for is loaded: all of them take twice as long. */
const MODULES: Module[] = [
  module('migrate', async () => (await import('./commands/migrate.ts')).migrateCommand()),
  module('worker', async () => (await import('./commands/worker.ts')).workerCommand()),
  module('sync', async () => (await import('./commands/sync.ts')).syncCommand()),
  {
    names: ['runs', 'status', 'follow', 'pause', 'resume', 'cancel', 'set-max-workers'],
    load: async () => (await import('./commands/runs.ts')).runsCommands(),
  },
  module('schedules', async () => (await import('./commands/schedules.ts')).schedulesCommand()),
  module('rollout', async () => (await import('./commands/rollout.ts')).rolloutCommand()),
  module('servers', async () => (await import('./commands/servers.ts')).serversCommand()),
  module('pool', async () => (await import('./commands/pool.ts')).poolCommand()),
  module('vehicles', async () => (await import('./commands/vehicles.ts')).vehiclesCommand()),
  module('settings', async () => (await import('./commands/settings.ts')).settingsCommand()),
  module('quarantine', async () => (await import('./commands/quarantine.ts')).quarantineCommand()),
  module('reconcile', async () => (await import('./commands/reconcile.ts')).reconcileCommand()),
  module('graph', async () => (await import('./commands/graph.ts')).graphCommand()),
  module('api-keys', async () => (await import('./commands/api-keys.ts')).apiKeysCommand()),
  module('doctor', async () => (await import('./commands/doctor.ts')).doctorCommand()),
  module('codec-server', async () => (await import('./commands/codec-server.ts')).codecServerCommand()),
  module('temporal', async () => (await import('./commands/temporal.ts')).temporalCommand()),
];

const asked = MODULES.filter(({ names }) => names.includes(process.argv[2] ?? ''));
for (const { load } of asked.length > 0 ? asked : MODULES) {
  for (const command of await load()) program.addCommand(command);
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else {
    console.error(explain(error));
    // At once, because Temporal's runtime and open connections would keep the process: a worker that could not start would stay, and nobody start it anew.
    process.exit(1);
  }
}
