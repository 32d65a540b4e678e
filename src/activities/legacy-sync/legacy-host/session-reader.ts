import { Failure } from '../../../errors.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { chooseReader, type ReadTable, type RowReader } from './choose-reader.ts';
import { type MysqlSession, OUR_SET } from './run-statements.ts';

type Reader = LegacySyncSettings['reader'];

/**
 * How a table is read where the server may override our character set. mysqldump cannot set it again and says utf8mb4 in its dump all the same:
 * each letter that the other set lacks would arrive as a question mark, and a key of such letters would find no row. Our client sets it first.
 * Errors: InvalidConfiguration when it had to be mysqldump.
 */
export function readerFor(
  server: LegacyServer,
  { wanted, described, session }: { wanted: Reader; described: ReadTable; session: MysqlSession },
): RowReader {
  const overridden = session.characterSet !== OUR_SET;
  const reader = chooseReader(overridden && wanted === 'auto' ? 'select' : wanted, described, server.columns);
  if (overridden && reader.kind === 'mysqldump') throw refusal(server, session);
  return reader;
}

/** What planning says of it. Errors: as readerFor. */
export function characterSetWarning(server: LegacyServer, wanted: Reader, session: MysqlSession): string[] {
  if (session.characterSet === OUR_SET) return [];
  if (wanted === 'mysqldump') throw refusal(server, session);
  return [`${server.id}: ${found(session)}, so its tables are read by SELECT, which sets utf8mb4 again.`];
}

const found = ({ characterSet }: MysqlSession): string =>
  `MySQL speaks ${characterSet || 'no character set'} although utf8mb4 was asked for (init_connect or skip-character-set-client-handshake)`;

function refusal(server: LegacyServer, session: MysqlSession): Failure {
  return new Failure(
    'InvalidConfiguration',
    `Reading ${server.id}.${server.database}: ${found(session)}, and mysqldump would write ? for letters that it lacks. Set legacy_sync.export.reader to auto, or take that setting off the server.`,
  );
}
