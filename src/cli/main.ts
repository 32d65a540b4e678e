#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { apiKeysCommand } from './commands/api-keys.ts';
import { codecServerCommand } from './commands/codec-server.ts';
import { doctorCommand } from './commands/doctor.ts';
import { graphCommand } from './commands/graph.ts';
import { migrateCommand } from './commands/migrate.ts';
import { quarantineCommand } from './commands/quarantine.ts';
import { runsCommands } from './commands/runs.ts';
import { serversCommand } from './commands/servers.ts';
import { settingsCommand } from './commands/settings.ts';
import { syncCommand } from './commands/sync.ts';
import { temporalCommand } from './commands/temporal.ts';
import { vehiclesCommand } from './commands/vehicles.ts';
import { workerCommand } from './commands/worker.ts';
import { explain } from './explain.ts';

const program = new Command('fleetgraph')
  .description('Durable data pipelines for public-transport operators, on Temporal')
  .showHelpAfterError()
  .enablePositionalOptions()
  .exitOverride();

program.addCommand(migrateCommand());
program.addCommand(workerCommand());
program.addCommand(syncCommand());
for (const command of runsCommands()) program.addCommand(command);
program.addCommand(serversCommand());
program.addCommand(vehiclesCommand());
program.addCommand(settingsCommand());
program.addCommand(quarantineCommand());
program.addCommand(graphCommand());
program.addCommand(apiKeysCommand());
program.addCommand(doctorCommand());
program.addCommand(codecServerCommand());
program.addCommand(temporalCommand());

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else {
    console.error(explain(error));
    process.exitCode = 1;
  }
}
