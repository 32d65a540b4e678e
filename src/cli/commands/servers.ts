import { userInfo } from 'node:os';
import { Command } from 'commander';
import { closeCircuit } from '../../pool/circuit-store.ts';
import { listLegacyServers, readLegacyServer } from '../../records/legacy-servers.ts';
import { readServerChecks } from '../../records/server-checks.ts';
import { inspectServerFromHere } from '../inspect-server.ts';
import { readJsonFile } from '../json-file.ts';
import { parseCount } from '../parse-number.ts';
import { putServer } from '../put-server.ts';
import { plainTable } from '../run-table.ts';
import { testServerFromHere } from '../test-server.ts';
import { withSession } from '../session.ts';

export const serversCommand = (): Command => {
  const command = new Command('servers').description('the legacy servers that vehicles are synced from');
  command.command('list').description('ids of the servers').action(list);
  command
    .command('put')
    .description('add or replace a server from a JSON file; README.md shows one')
    .argument('<file>', 'path of the file')
    .action(async (file: string) => putServer(await readJsonFile(file)));
  command
    .command('inspect')
    .description('look at a server that has only a login: its tables, what they hold, and how to read them')
    .argument('[file]', 'JSON file with any fields of a server; flags win over it')
    .option('--id <id>', 'id of the server that is proposed')
    .option('--host <host>', 'host that sshd runs on')
    .option('--port <port>', 'its port')
    .option('--user <user>', 'login there')
    .option('--key <path>', 'private key: a path, file:/path or env:NAME')
    .option('--fingerprint <SHA256:…>', 'the host key, as ssh-keygen -l prints it')
    .option('--accept-new-host-key', 'take the host key that is shown, unseen')
    .option('--mysql-host <host>', 'where MySQL listens, seen from there')
    .option('--mysql-port <port>', 'its port')
    .option('--mysql-user <user>', 'MySQL user')
    .option('--mysql-password <path>', 'its password: a path, file:/path or env:NAME')
    .option('--database <name>', 'look into this database only')
    .option('--table <name>', 'propose this table')
    .option('--time-zone <name>', 'IANA zone of times that carry none')
    .option('--write <file>', 'write what `servers put` takes')
    .option('--apply', 'put the server as it is proposed, and add the vehicles that it has rows of')
    .option('--auto-add', 'with --apply: add vehicles that appear later by themselves, before each run of all vehicles')
    .option('--json', 'print everything as JSON')
    .action(inspectServerFromHere);
  command
    .command('test')
    .description('log in, look for the tools, and count the new rows of one of its vehicles')
    .argument('<id>')
    .action((id: string) => withSession((session) => testServerFromHere(session, id)));
  command
    .command('checks')
    .description('the health checks of a server, the newest first')
    .argument('<id>')
    .option('--limit <n>', 'how many to list', parseCount, 20)
    .action(checks);
  command
    .command('close-circuit')
    .description('let runs use a server again whose login or host key was refused, after it was mended')
    .argument('<id>')
    .requiredOption('--reason <text>', 'what was mended, for the audit log')
    .action(closeByHand);
  return command;
};

async function list(): Promise<void> {
  const ids = await withSession((session) => listLegacyServers(session.postgres));
  console.log(ids.length === 0 ? 'There is no legacy server yet.' : ids.join('\n'));
}

async function checks(id: string, { limit }: { limit: number }): Promise<void> {
  const found = await withSession(async ({ postgres }) => {
    await readLegacyServer(postgres, id);
    return readServerChecks(postgres, { serverId: id, limit });
  });
  const lines = found.map(({ checkedAt, durationMs, failure }) => [
    checkedAt.toISOString(),
    `${durationMs} ms`,
    failure === null ? 'answered' : `${failure.code}: ${failure.message}`,
  ]);
  console.log(lines.length === 0 ? `${id} was not checked yet.` : plainTable(['checked', 'after', 'found'], lines, 3));
}

async function closeByHand(id: string, { reason }: { reason: string }): Promise<void> {
  await withSession(({ postgres }) => closeCircuit(postgres, id, { actor: userInfo().username, reason }));
  console.log(`the circuit of ${id} is closed`);
}
