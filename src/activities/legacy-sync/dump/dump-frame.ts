/**
 * Everything in a dump other than rows: what mysqldump writes before and after them, and the last line, which the export adds. A dump that
 * stops early may look like whole SQL. So the frame must be complete and in order: the settings of the beginning, the two settings of the
 * end, the line with the exit status, and no more.
 */
export interface DumpFrame {
  stage: 'begun' | 'ready' | 'rows' | 'restored' | 'closed' | 'ended';
  utf8: boolean;
  utc: boolean;
}

export const newFrame = (): DumpFrame => ({ stage: 'begun', utf8: false, utc: false });

/** Why the frame is wrong: the dump is not whole, or mysqldump would not write it. */
export type FrameProblem = { code: 'DumpTruncated' | 'DumpCorrupt'; found: string };

const corrupt = (found: string): FrameProblem => ({ code: 'DumpCorrupt', found });

/** Takes a `--` line without its newline. */
export function acceptComment(frame: DumpFrame, line: string): FrameProblem | null {
  if (!line.startsWith('-- fleetgraph '))
    return line === '--' || line.startsWith('-- ') ? null : corrupt('an unknown statement');
  const status = /^-- fleetgraph rc=(\d{1,3})$/.exec(line)?.[1];
  if (status === undefined) return corrupt('a damaged line with the exit status');
  if (status !== '0') return { code: 'DumpTruncated', found: `that mysqldump ended with exit status ${status}` };
  if (frame.stage !== 'closed')
    return { code: 'DumpTruncated', found: 'the end of the file without the end of the dump' };
  frame.stage = 'ended';
  return null;
}

/** Takes a statement other than INSERT, plain or in an executable comment. It is a setting, and most settings do not matter here. */
export function acceptSetting(frame: DumpFrame, statement: string): FrameProblem | null {
  if (HARMLESS.test(statement)) return null;
  if (!statement.startsWith('SET ')) return corrupt('an unknown statement');
  if (statement.startsWith('SET @OLD_')) return beginning(frame, statement);
  if (statement === 'SET NAMES utf8mb4') frame.utf8 = true;
  else if (statement === "SET TIME_ZONE='+00:00'") frame.utc = true;
  else if (statement === 'SET TIME_ZONE=@OLD_TIME_ZONE') return restored(frame);
  else if (LAST_SETTINGS.includes(statement)) return closed(frame);
  return null;
}

/** Takes the beginning of an INSERT. */
export function acceptInsert(frame: DumpFrame): FrameProblem | null {
  if (frame.stage !== 'ready' && frame.stage !== 'rows') return corrupt('an INSERT out of its place');
  frame.stage = 'rows';
  return null;
}

// MariaDB's guard against client commands, and what --no-autocommit (a default of newer versions) and --disable-keys write around the rows.
const HARMLESS =
  /^(?:\\- enable the sandbox mode|(?:set|SET) (?:autocommit=0|AUTOCOMMIT=@OLD_AUTOCOMMIT)|commit|COMMIT|ALTER TABLE `[^`]+` (?:DISABLE|ENABLE) KEYS)$/;

// The last setting at the beginning and at the end switches notes off and on, by one of two names: newer MariaDB uses the second.
const NOTES_OFF = ['SET @OLD_SQL_NOTES=', 'SET @OLD_NOTE_VERBOSITY='];
const LAST_SETTINGS = ['SET SQL_NOTES=@OLD_SQL_NOTES', 'SET NOTE_VERBOSITY=@OLD_NOTE_VERBOSITY'];

/** Before the last setting of the beginning the dump must have set UTF-8 and UTC; else its values have another meaning. */
function beginning(frame: DumpFrame, statement: string): FrameProblem | null {
  if (frame.stage !== 'begun' && frame.stage !== 'ready') return corrupt('the beginning of a second dump');
  if (!NOTES_OFF.some((setting) => statement.startsWith(setting))) return null;
  if (!frame.utf8) return corrupt('no SET NAMES utf8mb4 (--default-character-set=utf8mb4)');
  if (!frame.utc) return corrupt("no SET TIME_ZONE='+00:00' (--tz-utc)");
  frame.stage = 'ready';
  return null;
}

function restored(frame: DumpFrame): FrameProblem | null {
  if (frame.stage !== 'ready' && frame.stage !== 'rows') return corrupt('the settings of the end out of their place');
  frame.stage = 'restored';
  return null;
}

function closed(frame: DumpFrame): FrameProblem | null {
  if (frame.stage !== 'restored' && frame.stage !== 'closed')
    return corrupt('the settings of the end out of their place');
  frame.stage = 'closed';
  return null;
}
