import { userInfo } from 'node:os';
import { Command } from 'commander';
import { closeBreaker } from '../../pool/breaker-store.ts';
import {
  insertLegacyServer,
  listLegacyServers,
  parseLegacyServer,
  updateLegacyServer,
} from '../../settings/legacy-servers.ts';
import { readJsonFile } from '../json-file.ts';
import { tryServer } from '../try-server.ts';
import { withSession } from '../session.ts';

export const serversCommand = (): Command => {
  const command = new Command('servers').description('the legacy servers that vehicles are synced from');
  command.command('list').description('ids of the servers').action(list);
  command
    .command('put')
    .description('add or replace a server from a JSON file; README.md shows one')
    .argument('<file>', 'path of the file')
    .action(put);
  command
    .command('test')
    .description('log in, look for the tools, and count the new rows of one of its vehicles')
    .argument('<id>')
    .action((id: string) => withSession((session) => tryServer(session, id)));
  command
    .command('close-circuit')
    .description('let runs use a server again whose login or host key was refused, after it was mended')
    .argument('<id>')
    .requiredOption('--reason <text>', 'what was mended, for the audit log')
    .action(closeCircuit);
  return command;
};

async function list(): Promise<void> {
  const ids = await withSession((session) => listLegacyServers(session.postgres));
  console.log(ids.length === 0 ? 'There is no legacy server yet.' : ids.join('\n'));
}

async function put(file: string): Promise<void> {
  const server = parseLegacyServer(await readJsonFile(file));
  await withSession(async ({ postgres }) => {
    const known = (await listLegacyServers(postgres)).includes(server.id);
    await (known ? updateLegacyServer(postgres, server) : insertLegacyServer(postgres, server));
  });
  console.log(`legacy server ${server.id}: ${server.user}@${server.host}:${server.port}, database ${server.database}`);
}

async function closeCircuit(id: string, { reason }: { reason: string }): Promise<void> {
  await withSession(({ postgres }) => closeBreaker(postgres, id, { actor: userInfo().username, reason }));
  console.log(`the circuit of ${id} is closed`);
}
