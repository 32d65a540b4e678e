import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Failure } from '../../../../src/errors.ts';
import { convert, type DumpShape, dumpText, HEAD, optionsFor, type Row, TAIL, TRAILER } from './dump-text.ts';

const EXTRA: [string, string][] = [
  ['a', 'varchar'],
  ['b', 'blob'],
  ['c', 'bit'],
  ['d', 'varbinary'],
];
const SHAPE: DumpShape = { extra: EXTRA };
/** Everything that a cut could fall into: escapes, doubled quotes, characters of several bytes, an introducer, hex, NULL. */
const NASTY: Row[] = [
  { a: "'it\\'s ''🚌'' \\\\'", b: '0x00FF', c: '0x05', d: "_binary 'a\\0\\''" },
  { a: "'),(1,\\'x\\');\\nINSERT INTO'", lat: 'NULL' },
  { a: "''", b: "''", c: 'NULL', d: "_binary ''", t: "'2025-01-01 00:00:00.000001'" },
  { a: "'-- fleetgraph rc=0\\n'", lat: '-1.5e1' },
];
const options = () => optionsFor(EXTRA, {}, { watermark: 1n });
const NASTY_DUMP = Buffer.from(dumpText(NASTY, SHAPE));
const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);

/** The code of the Failure it ends with, or null; anything that is no Failure is thrown on. */
function codeOf(dump: Buffer | string): string | null {
  try {
    convert(dump, options());
    return null;
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

describe('cut into pieces', () => {
  const whole = convert(NASTY_DUMP, options());

  test('the dump as such', () => {
    expect(whole.summary).toMatchObject({ rows: 4, overlap: 1, fresh: 2, quarantined: 1 });
    expect(whole.quarantined[0]).toMatchObject({ legacyId: '2', reason: 'MissingCoordinate', column: 'lat' });
    expect(whole.quarantined[0]!.raw.toString()).toBe(
      `(2,7,'2025-06-01 12:00:00',NULL,129.7331,'),(1,\\'x\\');\\nINSERT INTO',NULL,NULL,NULL)`,
    );
    expect(whole.overlap[0]!.attributes).toBe(`{"a":"it's '🚌' \\\\","b":"\\\\x00ff","c":5,"d":"\\\\x610027"}`);
  });

  test('in two, at every byte', () => {
    for (let cut = 0; cut <= NASTY_DUMP.length; cut++) expect(convert(NASTY_DUMP, options(), [cut])).toEqual(whole);
  });

  test('byte by byte', () => {
    const every = Array.from({ length: NASTY_DUMP.length }, (_, index) => index);
    expect(convert(NASTY_DUMP, options(), every)).toEqual(whole);
  });

  test(`in many pieces of any size (FC_SEED=${seed})`, () => {
    const cuts = fc.uniqueArray(fc.nat(NASTY_DUMP.length), { maxLength: 40 }).map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(cuts, (list) => expect(convert(NASTY_DUMP, options(), list)).toEqual(whole)),
      { seed, numRuns: 300 },
    );
  });

  test('all rows on one line, as Oracle’s mysqldump writes them', () => {
    const { quarantined, ...rest } = convert(dumpText(NASTY, { ...SHAPE, oneLine: true }), options());
    expect(rest).toEqual({ fresh: whole.fresh, overlap: whole.overlap, summary: whole.summary });
    expect(quarantined).toEqual(whole.quarantined);
  });

  test('several INSERTs', () => {
    const [one, other] = [NASTY.slice(0, 2), NASTY.slice(2)];
    const insert = (rows: Row[]) => dumpText(rows, SHAPE).slice(HEAD.length, -(TAIL + TRAILER).length);
    const second = insert(other.map((row, index) => ({ ...row, id: String(index + 3) })));
    expect(convert(HEAD + insert(one) + second + TAIL + TRAILER, options())).toEqual(whole);
  });

  test('no rows at all', () => {
    expect(convert(dumpText([], SHAPE), options()).summary).toMatchObject({ rows: 0, minTime: null, maxTime: null });
  });
});

describe('not whole', () => {
  test('every proper prefix is truncated', () => {
    for (let length = 0; length < NASTY_DUMP.length; length++) {
      expect([length, codeOf(NASTY_DUMP.subarray(0, length))]).toEqual([length, 'DumpTruncated']);
    }
  });

  test('mysqldump was killed: its rows end as if they were all, its own end is missing', () => {
    const killed = dumpText(NASTY, SHAPE).replace(TAIL, '');
    expect(codeOf(killed)).toBe('DumpTruncated');
    expect(codeOf(killed.replace('rc=0', 'rc=3'))).toBe('DumpTruncated');
    expect(codeOf(dumpText(NASTY, SHAPE).replace(TRAILER, '-- fleetgraph rc=3\n'))).toBe('DumpTruncated');
    expect(codeOf(dumpText(NASTY, SHAPE).replace(TRAILER, ''))).toBe('DumpTruncated');
  });
});

describe('not what mysqldump writes', () => {
  const dump = dumpText(NASTY, SHAPE);
  test.each([
    ['a second dump behind the first', dump + dump],
    ['a second dump behind the first, without its last line', dump.replace(TRAILER, '') + dump],
    ['a byte behind the end', `${dump}\n`],
    ['another table', dump.replace('INSERT INTO `fixes`', 'INSERT INTO `other`')],
    ['an unknown statement', dump.replace(TAIL, `DROP TABLE \`fixes\`;\n${TAIL}`)],
    ['an unknown statement in a comment', dump.replace(TAIL, `/*!40000 DROP TABLE \`fixes\` */;\n${TAIL}`)],
    ['rows behind the end', dump.replace(TAIL, '').replace(TRAILER, TAIL + dump.slice(HEAD.length))],
    ['a value too many', dump.replace('(2,7,', '(2,7,1,')],
    ['a value too few', dump.replace('(2,7,', '(2,')],
    ['an expression', dump.replace('(2,7,', '(2,SLEEP(9),')],
    ['a variable', dump.replace('(2,7,', '(2,@x,')],
    ['an empty value', dump.replace('(2,7,', '(2,,')],
    ['a dump without --tz-utc', dump.replace("/*!40103 SET TIME_ZONE='+00:00' */;\n", '')],
    ['a dump that is not in UTF-8', dump.replace('SET NAMES utf8mb4', 'SET NAMES latin1')],
    ['a statement without an end', `${HEAD}SET ${'x'.repeat(2_000_000)}`],
    ['a binary file', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 1, 2])],
  ])('%s', (_name, damaged) => {
    expect(codeOf(damaged)).toBe('DumpCorrupt');
  });

  test('random damage ends in a Failure or in rows, soon', () => {
    const damage = fc.array(
      fc.tuple(fc.nat(NASTY_DUMP.length - 1), fc.nat(255), fc.constantFrom('set', 'insert', 'delete')),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    const damaged = damage.map((edits) => {
      let bytes = Buffer.from(NASTY_DUMP);
      for (const [at, byte, kind] of edits) {
        const rest = bytes.subarray(kind === 'insert' ? at : at + 1);
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(kind === 'delete' ? [] : [byte]), rest]);
      }
      return bytes;
    });
    fc.assert(
      fc.property(damaged, (bytes) => void codeOf(bytes)),
      { seed, numRuns: 5_000 },
    );
  });

  test('newer MariaDB’s settings and its autocommit are known', () => {
    const newer = dump
      .replace(
        '/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;',
        '/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */;',
      )
      .replace('/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;', '/*M!100616 SET NOTE_VERBOSITY=@OLD_NOTE_VERBOSITY */;')
      .replace('INSERT INTO', 'SET @OLD_AUTOCOMMIT=@@AUTOCOMMIT, @@AUTOCOMMIT=0;\nINSERT INTO')
      .replace(TAIL.slice(0, 20), `COMMIT;\nSET AUTOCOMMIT=@OLD_AUTOCOMMIT;\n${TAIL.slice(0, 20)}`);
    expect(codeOf(newer)).toBeNull();
  });
});

/** The frame that mysqldump 8.0.12 writes, from a dump that somebody published: its SET NAMES is plain, between blanks. */
const HEAD_OF_8_0_12 = `-- MySQL dump 10.13  Distrib 8.0.12, for macos10.13 (x86_64)
--
-- Host: localhost    Database: depot
-- ------------------------------------------------------
-- Server version\t8.0.12

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
 SET NAMES utf8mb4 ;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

`;

describe('a dump of mysqldump 8.0.11 to 8.0.16', () => {
  const dump = dumpText(NASTY, { ...SHAPE, oneLine: true }).replace(HEAD, HEAD_OF_8_0_12);

  test('is read like any other, wherever it is cut', () => {
    const whole = convert(NASTY_DUMP, options());
    for (let cut = 0; cut <= HEAD_OF_8_0_12.length; cut++) expect(convert(dump, options(), [cut])).toEqual(whole);
  });

  test('in another character set is refused all the same', () => {
    expect(codeOf(dump.replace(' SET NAMES utf8mb4 ;', ' SET NAMES latin1 ;'))).toBe('DumpCorrupt');
  });
});

describe('schema drift', () => {
  const drift =
    (dump: string, over = {}) =>
    () =>
      convert(dump, optionsFor(EXTRA, {}, over));

  test('a mapped column that is gone, or renamed, is named with what is there instead', () => {
    const renamed = dumpText(NASTY, SHAPE).replace('`lon`', '`lng`');
    expect(drift(renamed)).toThrow(
      expect.objectContaining({
        code: 'SchemaDrift',
        message: expect.stringMatching(/missing: "lon".*new since planning: "lng"/),
      }),
    );
  });

  test('a column of which nothing is known since planning', () => {
    const { tableColumns } = optionsFor(EXTRA);
    expect(drift(dumpText(NASTY, SHAPE), { tableColumns: tableColumns.slice(0, -1) })).toThrow(
      expect.objectContaining({ code: 'SchemaDrift' }),
    );
  });

  test('columns that nothing is mapped to come and go, and columns change places', () => {
    const row = { lat: '50', lon: '60', a: '0' };
    const moved = dumpText([row], SHAPE).replace('`lat`, `lon`, `a`', '`lon`, `lat`, `new`');
    const [fix] = convert(moved, optionsFor(EXTRA, {}, { columns: optionsFor().columns })).fresh;
    expect([fix!.latitude, fix!.longitude]).toEqual([60, 50]);
  });

  test('an ALTER in the middle of the dump', () => {
    const insert = dumpText([{ id: '9' }], SHAPE)
      .slice(HEAD.length, -(TAIL + TRAILER).length)
      .replace('`a`', '`z`');
    expect(drift(dumpText(NASTY, SHAPE).replace(TAIL, insert + TAIL))).toThrow(
      expect.objectContaining({ code: 'SchemaDrift', message: expect.stringContaining('altered during the export') }),
    );
  });

  test('a time mapped to a number', () => {
    const { tableColumns } = optionsFor(EXTRA);
    const ints = tableColumns.map((column) => (column.name === 't' ? { ...column, dataType: 'int' } : column));
    expect(drift(dumpText(NASTY, SHAPE), { tableColumns: ints })).toThrow(
      expect.objectContaining({ code: 'SchemaDrift' }),
    );
  });
});
