import { Failure } from '../../../errors.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';

/**
 * What a login's option files may set and must not change what we read. `=0` instead of `--skip-`, because only so every version takes it
 * behind `--loose-`, which lets a version pass that does not know the option.
 */
export const OVERRIDES = {
  client: ['vertical=0', 'table=0', 'html=0', 'xml=0', 'raw=0', 'column-type-info=0', 'safe-updates=0', 'line-numbers'],
  dump: (
    'compact=0 set-charset comments quote-names replace=0 insert-ignore=0 no-data=0 extended-insert force=0 routines=0 events=0 databases=0 ' +
    'all-databases=0 delayed-insert=0 order-by-primary=0 lock-all-tables=0 flush-logs=0 flush-privileges=0 master-data=0 dump-slave=0'
  ).split(' '),
};

/** Names of options for which there is no such flag: whatever they are set to, the dump is another. */
const UNTENABLE =
  /^(xml|tab|result-file|compatible|ignore-(table|table-data|database|error)|(fields|lines)-.*|as-of|init-command|dir|system)$/;

/** Errors: InvalidConfiguration, when one of the options that the login's files set for the dump tool leaves no dump that can be read. */
export function refuseDumpOptions({ id, user }: LegacyServer, names: string[]): void {
  const untenable = [...new Set(names.map((name) => name.replaceAll('_', '-').replace(/^loose-/, '')))].filter(
    (option) => UNTENABLE.test(option),
  );
  if (untenable.length === 0) return;
  throw new Failure(
    'InvalidConfiguration',
    `Looking at the option files of ${user} on ${id}: they set ${untenable.join(', ')} for mysqldump, which makes its dumps unreadable and which no flag takes back. ` +
      'Remove it there (~/.my.cnf, /etc/mysql), or give the server a mysqlPasswordRef: then no option file is read.',
  );
}
