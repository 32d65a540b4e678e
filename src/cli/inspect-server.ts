import { writeFile } from 'node:fs/promises';
import { inspectServer } from '../activities/legacy-sync/inspection/inspect-server.ts';
import type { FoundTables, Inspection } from '../activities/legacy-sync/inspection/inspection.ts';
import { Failure } from '../errors.ts';
import type { LegacyServerInput } from '../records/legacy-servers.ts';
import { legacyServerSchema } from '../settings/legacy-server.ts';
import { defaultSettings } from '../settings/legacy-sync.ts';
import { asksYes } from './ask.ts';
import { discoverFromHere } from './discover-vehicles.ts';
import { count } from './figures.ts';
import { type InspectFlags, readInspectRequest } from './inspect-options.ts';
import { withLegacyHosts } from './legacy-hosts-here.ts';
import { mappingLines } from './mapping-lines.ts';
import { putServer } from './put-server.ts';
import { plainTable } from './run-table.ts';

interface Flags extends InspectFlags {
  write?: string;
  apply?: boolean;
  autoAdd?: boolean;
  json?: boolean;
}

/** Inspects a legacy server from this process, which needs no database of ours unless what is proposed is put there. */
export async function inspectServerFromHere(
  file: string | undefined,
  { write, apply = false, autoAdd, json = false, ...flags }: Flags,
): Promise<void> {
  const request = await readInspectRequest(file, flags);
  const say = json ? undefined : (step: string) => console.log(step);
  const inspection = await withLegacyHosts(defaultSettings(), (hosts) => inspectServer(hosts, request, say));
  if (json) console.log(JSON.stringify(inspection, null, 2));
  else print(inspection);
  if (write !== undefined) await writeServer(write, proposedServer(inspection, `Writing ${write}`));
  if (!apply && (write !== undefined || json || !(await wantsIt(inspection)))) return;
  const server = proposedServer(inspection, `Adding ${request.server.id}`);
  await putServer(server);
  await discoverFromHere(server.id, { apply: true, autoAdd, reason: 'found by servers inspect' });
}

/** A person at a terminal who has seen the proposal is asked whether it is to be. */
async function wantsIt({ proposal }: Inspection): Promise<boolean> {
  const server = proposal?.server ?? null;
  if (server === null || !process.stdin.isTTY) return false;
  return asksYes(`Add ${server.id} as it is proposed, with the vehicles that it has rows of?`);
}

function proposedServer({ proposal }: Inspection, doing: string): LegacyServerInput {
  if (proposal?.server) return proposal.server;
  const why = proposal === null ? 'no table looks like positions' : 'a column that every sync needs was not found';
  throw new Failure('InvalidConfiguration', `${doing}: ${why}, so there is no server to write. Nothing was written.`);
}

async function writeServer(file: string, server: LegacyServerInput): Promise<void> {
  await writeFile(file, `${JSON.stringify(withoutDefaults(server), null, 2)}\n`);
  console.error(
    `${file} is written: look it through, then \`fleetgraph servers put ${file}\` and \`fleetgraph vehicles discover ${server.id} --apply\`, which asks whether vehicles that appear later are added by themselves`,
  );
}

function print({ found, proposal }: Inspection): void {
  if (found.length > 0) console.log(`\n${foundTable(found)}`);
  for (const { database, table, columns, indexes } of found) {
    console.log(
      `\n${database}.${table}:\n  columns: ${columns.join(', ')}\n  indexes: ${indexes.join('; ') || 'none'}`,
    );
  }
  if (proposal === null) return;
  const { server, rows, told, unsure, hurts } = proposal;
  console.log(`\nproposed for ${proposal.tables.database}.${proposal.tables.table}:`);
  const lines =
    server === null ? ['no mapping, as a column that every sync needs was not found'] : mappingLines(server.columns);
  for (const line of lines) console.log(`  ${line}`);
  list('what the rows tell', told);
  if (rows.length > 0) {
    console.log('\nrows as they would arrive:');
    for (const row of rows) console.log(`  ${JSON.stringify(row)}`);
  }
  list('unsure', unsure);
  list('what would hurt', hurts);
}

function list(title: string, lines: readonly string[]): void {
  if (lines.length > 0) console.log(`\n${title}:\n${lines.map((line) => `  - ${line}`).join('\n')}`);
}

function foundTable(found: readonly FoundTables[]): string {
  const rows = found.map(({ database, table, tables, system, layout, engine, estimatedRows }) => [
    `${database}.${table}`,
    system,
    layout,
    String(tables),
    engine,
    estimatedRows === null ? '–' : count(estimatedRows),
  ]);
  return plainTable(['table', 'system', 'layout', 'alike', 'engine', 'rows, estimated'], rows, 3);
}

/** Only what an operator would have to write. */
function withoutDefaults(server: LegacyServerInput): object {
  const { id, host, user, privateKeyRef, hostKeyFingerprints, mysqlUser, database, timeZone, columns } = server;
  const least = { id, host, user, privateKeyRef, hostKeyFingerprints, mysqlUser, database, timeZone, columns };
  const usual: Record<string, unknown> = legacyServerSchema.parse(least);
  const own = Object.entries(server).filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(usual[field]));
  return { ...least, ...Object.fromEntries(own) };
}
