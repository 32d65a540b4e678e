import { Command } from 'commander';
import { type LineSpeed, readLineSpeeds } from '../../records/line-speeds.ts';
import { readLimitChanges } from '../../records/limit-changes.ts';
import { readServerOverviews } from '../../records/server-overview.ts';
import { type ServerPlaces, readServerPlaces } from '../../records/server-places.ts';
import { readSettings } from '../../records/settings.ts';
import { bytes } from '../figures.ts';
import { parseCount } from '../parse-number.ts';
import { plainTable } from '../run-table.ts';
import { withSession } from '../session.ts';

export const poolCommand = (): Command =>
  new Command('pool')
    .description('what is in flight at each legacy server, how much may be, and why')
    .argument('[server]', 'only this one')
    .option('--changes <n>', 'how many of the latest changes of limits to list', parseCount, 10)
    .action(show);

async function show(serverId: string | undefined, { changes }: { changes: number }): Promise<void> {
  await withSession(async ({ postgres }) => {
    const all = await readServerPlaces(postgres, await readSettings(postgres));
    const places = all.filter((place) => serverId === undefined || place.serverId === serverId);
    if (places.length === 0)
      throw new Error(`There is no legacy server${serverId === undefined ? ' yet' : ` ${serverId}`}.`);
    const circuits = new Map((await readServerOverviews(postgres)).map(({ id, circuit }) => [id, circuit.state]));
    console.log(placesTable(places, circuits, await readLineSpeeds(postgres, serverId ?? null)));
    const rows = await readLimitChanges(postgres, { serverId: serverId ?? null, limit: changes });
    if (rows.length === 0) return;
    const lines = rows.map(({ changedAt, serverId: id, from, to, reason }) => [
      changedAt.toISOString(),
      id,
      `${from} → ${to}`,
      reason,
    ]);
    console.log(`\n${plainTable(['changed', 'server', 'limit', 'because'], lines, 4)}`);
  });
}

function placesTable(places: ServerPlaces[], circuits: Map<string, string>, lines: Map<string, LineSpeed>): string {
  const head = ['server', 'circuit', 'limit', 'in flight', 'limit now', 'fixed', 'line'];
  const rows = places.map(({ serverId, inFlight, limit, fixedLimit, adaptive }) => [
    serverId,
    circuits.get(serverId) ?? 'closed',
    adaptive?.phase ?? 'fixed',
    `${inFlight}`,
    `${limit}`,
    `${fixedLimit}`,
    lineText(lines.get(serverId)),
  ]);
  return plainTable(head, rows, 3);
}

const lineText = (line: LineSpeed | undefined): string =>
  line === undefined ? 'not measured yet' : `${bytes(line.bytesPerSecond)}/s`;
