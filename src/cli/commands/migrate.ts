import { Command } from 'commander';
import { migrate } from '../../records/schema/migrations.ts';
import { readConfig } from '../session.ts';

export const migrateCommand = (): Command =>
  new Command('migrate')
    .description('bring the database to the newest schema and add missing settings')
    .action(async () => void (await migrate(readConfig().postgresUrl, (line) => console.log(line))));
