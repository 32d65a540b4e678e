import { Failure } from '../../../errors.ts';
import type { LegacyServer } from '../../../settings/legacy-server.ts';

/**
 * What a login's option files may set and must not change what we read. `=0` instead of `--skip-`, because only so every version takes it
 * behind `--loose-`, which lets a version pass that does not know the option.
 */
export const OVERRIDES = {
  client: (
    'vertical=0 auto-vertical-output=0 table=0 html=0 xml=0 raw=0 binary-as-hex=0 column-type-info=0 show-warnings=0 safe-updates=0 force=0 ' +
    'line-numbers delimiter=;'
  ).split(' '),
  dump: (
    'compact=0 set-charset comments quote-names replace=0 insert-ignore=0 no-data=0 extended-insert force=0 routines=0 events=0 databases=0 ' +
    'all-databases=0 delayed-insert=0 order-by-primary=0 lock-all-tables=0 flush-logs=0 flush-privileges=0 master-data=0 dump-slave=0'
  ).split(' '),
};

/** Names of options for which there is no such flag: whatever they are set to, the dump or the answer is another. */
const UNTENABLE = {
  client: /^(execute|verbose|tee)$/,
  dump: /^(xml|tab|result-file|compatible|ignore-(table|table-data|database|error)|(fields|lines)-.*|as-of|init-command|dir|system)$/,
};

/** The names of options that a login's files set for each of the two tools. */
export type OptionsSet = Record<keyof typeof UNTENABLE, string[]>;

/** Errors: InvalidConfiguration, when one of the options that the login's files set leaves no dump or no answer that can be read. */
export function refuseOptions({ id, user }: LegacyServer, { client, dump }: OptionsSet): void {
  const found = [
    { options: untenable(dump, UNTENABLE.dump), what: 'for mysqldump, which makes its dumps unreadable' },
    { options: untenable(client, UNTENABLE.client), what: 'for the mysql client, which makes its answers unreadable' },
  ].filter(({ options }) => options.length > 0);
  if (found.length === 0) return;
  throw new Failure(
    'InvalidConfiguration',
    `Looking at the option files of ${user} on ${id}: they set ${found.map(({ options, what }) => `${options.join(', ')} ${what}`).join(', and ')}, and no flag takes that back. ` +
      'Remove it there (~/.my.cnf, /etc/mysql), or give the server a mysqlPasswordRef: then no option file is read.',
  );
}

const untenable = (names: string[], pattern: RegExp): string[] =>
  [...new Set(names.map((name) => name.replaceAll('_', '-').replace(/^loose-/, '')))].filter((option) =>
    pattern.test(option),
  );
