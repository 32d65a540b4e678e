import { proposeMappings } from '../../../legacy-inspection/propose-mapping.ts';
import { Failure } from '../../../errors.ts';
import type { LegacyServer, ServerAddress } from '../../../settings/legacy-server.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import { type DescribedServer, describeServerStatements, readDescribedServer } from './describe-server.ts';
import type { Candidate, FoundTables, Inspection, InspectionRequest } from './inspection.ts';
import { proposeServer } from './propose-server.ts';

/** A database that every server has: a client may name it to log in, when it knows none of its own. */
const NO_DATABASE = 'information_schema';

/**
 * Goes the way to a legacy server step by step, looks for tables that are positions by their names, columns and statistics, and proposes how they
 * are to be read, from a sample of rows along an index. `say` gets each step when it is done.
 * Errors: those of the connection and of MySQL; InvalidConfiguration when the database or table asked for is not there.
 */
export async function inspectServer(
  hosts: Pick<LegacyHosts, 'of'>,
  request: InspectionRequest,
  say: (step: string) => void = () => {},
): Promise<Inspection> {
  const steps: string[] = [];
  const done = (step: string): void => {
    steps.push(step);
    say(step);
  };
  const { server } = request;
  const host = hosts.of(withoutTables(server));
  const tools = await host.tools();
  const compressors = tools.compressors.join(', ') || 'no compressor';
  done(
    `logged in as ${server.user}@${server.host}:${server.port}; it has ${tools.dump}, ${tools.client}, ${compressors}`,
  );
  const described = readDescribedServer(await host.ask(NO_DATABASE, describeServerStatements(request.database)));
  done(`MySQL ${described.version} as ${described.user}; ${databasesOf(described)}`);
  const candidates = choose(described, request);
  done(
    candidates.length === 0
      ? 'no table looks like positions'
      : candidates.length === 1
        ? 'one group of tables looks like positions'
        : `${candidates.length} groups of tables look like positions`,
  );
  const found = candidates.map(foundTables);
  const [first] = candidates;
  if (first === undefined) return { steps, found, proposal: null };
  const ask = (statements: Parameters<typeof host.ask>[1]) => host.ask(first.database, statements);
  const proposed = await proposeServer(ask, { request, ...first, described, hostTimeZone: tools.timeZone });
  done(`read ${proposed.sampled} rows of ${first.database}.${first.proposal.example.name} along its indexes`);
  const { sampled: _sampled, ...proposal } = proposed;
  return { steps, found, proposal: { tables: found[0]!, ...proposal } };
}

/** A server as the pool of connections knows it. Its tables are not known yet, and nothing that is asked here reads this mapping. */
function withoutTables(server: ServerAddress): LegacyServer {
  const columns = { id: 'id', time: 'time', latitude: 'latitude', longitude: 'longitude', attributes: {} };
  return { ...server, database: NO_DATABASE, timeZone: 'UTC', columns };
}

function choose({ databases }: DescribedServer, { server, database, table }: InspectionRequest): Candidate[] {
  if (database !== undefined && !databases.has(database)) {
    throw new Failure(
      'InvalidConfiguration',
      `Inspecting ${server.id}: there is no database ${database}, or ${server.mysqlUser} may see no table of it. Correct the name, or grant SELECT.`,
    );
  }
  const all = [...databases].flatMap(([name, tables]) =>
    proposeMappings(tables).map((proposal) => ({ database: name, proposal })),
  );
  const known = ({ proposal }: Candidate): number => (proposal.system === 'plain' ? 0 : 1);
  const rows = ({ proposal }: Candidate): number => proposal.example.estimatedRows ?? 0;
  all.sort((a, b) => known(b) - known(a) || rows(b) - rows(a));
  if (table === undefined) return all;
  const asked = all.filter(({ proposal }) =>
    proposal.tables.some((each) => each.toLowerCase() === table.toLowerCase()),
  );
  if (asked.length > 0) return [...asked, ...all.filter((candidate) => !asked.includes(candidate))];
  throw new Failure(
    'InvalidConfiguration',
    `Inspecting ${server.id}: no table ${table} looks like positions: it would need columns for latitude, longitude and time by their names. ${
      all.map(({ database: name, proposal }) => `${name}.${proposal.example.name}`).join(', ') || 'No other table'
    } does.`,
  );
}

function databasesOf({ databases, unreadable }: DescribedServer): string {
  const named = [...databases].map(([name, tables]) => `${name} (${tables.length} tables)`).join(', ');
  const skipped =
    unreadable.length === 0
      ? ''
      : `; left out for their names: ${unreadable
          .slice(0, 5)
          .map((each) => JSON.stringify(each))
          .join(', ')}`;
  return (named === '' ? 'it may see no table of any database' : named) + skipped;
}

function foundTables({ database, proposal }: Candidate): FoundTables {
  const { system, layout, example, tables } = proposal;
  return {
    database,
    system,
    layout,
    table: example.name,
    tables: tables.length,
    engine: example.isView ? 'view' : (example.engine ?? 'unknown'),
    estimatedRows: example.estimatedRows,
    columns: example.columns.map(({ name, columnType }) => `${name} ${shortType(columnType)}`),
    indexes: example.indexes.map(
      ({ name, columns, unique }) => `${name} (${columns.join(', ')})${unique ? ', unique' : ''}`,
    ),
  };
}

/** An enum's type lists its values. */
const LONGEST_TYPE = 40;
const shortType = (type: string): string => (type.length > LONGEST_TYPE ? `${type.slice(0, LONGEST_TYPE)}…` : type);
