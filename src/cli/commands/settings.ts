import { userInfo } from 'node:os';
import { Command } from 'commander';
import { listSettings, writeSetting } from '../../records/settings.ts';
import { plainTable } from '../run-table.ts';
import { withSession } from '../session.ts';

export const settingsCommand = (): Command => {
  const command = new Command('settings').description('read and change settings; docs/settings.md explains each');
  command.command('list').description('show every setting').action(list);
  command
    .command('set')
    .description('change a setting; running syncs follow within seconds')
    .argument('<key>')
    .argument('<value>')
    .option('--reason <text>', 'why, for the audit log')
    .action(set);
  return command;
};

async function list(): Promise<void> {
  const rows = await withSession((session) => listSettings(session.postgres));
  console.log(
    plainTable(
      ['key', 'value'],
      rows.map(({ key, value }) => [key, value]),
    ),
  );
}

async function set(key: string, value: string, { reason }: { reason?: string }): Promise<void> {
  const by = { actor: userInfo().username, ...(reason === undefined ? {} : { reason }) };
  await withSession((session) => writeSetting(session.postgres, key, value, by));
  console.log(`${key} = ${value}`);
}
