import { writeFile } from 'node:fs/promises';
import { inspectServer } from '../activities/legacy-sync/inspection/inspect-server.ts';
import type { FoundTables, Inspection } from '../activities/legacy-sync/inspection/inspection.ts';
import { Failure } from '../errors.ts';
import type { LegacyServerInput } from '../records/legacy-servers.ts';
import { legacyServerSchema } from '../settings/legacy-server.ts';
import { defaultSettings } from '../settings/legacy-sync.ts';
import { count } from './figures.ts';
import { type InspectFlags, readInspectRequest } from './inspect-options.ts';
import { withLegacyHosts } from './legacy-hosts-here.ts';
import { plainTable } from './run-table.ts';

/** Inspects a legacy server from this process; it needs no database of ours. */
export async function inspectServerFromHere(
  file: string | undefined,
  { write, json, ...flags }: InspectFlags & { write?: string; json?: boolean },
): Promise<void> {
  const request = await readInspectRequest(file, flags);
  const say = json === true ? undefined : (step: string) => console.log(step);
  const inspection = await withLegacyHosts(defaultSettings(), (hosts) => inspectServer(hosts, request, say));
  if (json === true) console.log(JSON.stringify(inspection, null, 2));
  else print(inspection);
  const server = inspection.proposal?.server ?? null;
  if (write === undefined) return;
  if (server === null) {
    const why =
      inspection.proposal === null ? 'no table looks like positions' : 'a column that every sync needs was not found';
    throw new Failure(
      'InvalidConfiguration',
      `Writing ${write}: ${why}, so there is no server to write. Nothing was written.`,
    );
  }
  await writeFile(write, `${JSON.stringify(withoutDefaults(server), null, 2)}\n`);
  console.error(
    `${write} is written: look it through, then \`fleetgraph servers put ${write}\` and \`fleetgraph vehicles discover ${server.id} --apply\`, which asks whether vehicles that appear later are added by themselves`,
  );
}

function print({ found, proposal }: Inspection): void {
  if (found.length > 0) console.log(`\n${foundTable(found)}`);
  if (proposal === null) return;
  const { server, rows, told, unsure, hurts } = proposal;
  console.log(`\nproposed for ${proposal.tables.database}.${proposal.tables.table}:`);
  console.log(
    server === null ? '  no mapping, as a column that every sync needs was not found' : indented(server.columns),
  );
  list('what the rows tell', told);
  if (rows.length > 0) {
    console.log('\nrows as they would arrive:');
    for (const row of rows) console.log(`  ${JSON.stringify(row)}`);
  }
  list('unsure', unsure);
  list('what would hurt', hurts);
}

const indented = (value: unknown): string => JSON.stringify(value, null, 2).replaceAll(/^/gm, '  ');

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
