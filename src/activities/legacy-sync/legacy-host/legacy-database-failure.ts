import { Failure, type FailureCode } from '../../../errors.ts';

const CODES: [FailureCode, number[]][] = [
  ['LegacyDatabaseAccessDenied', [1044, 1045, 1049, 1130, 1142, 1143, 1227, 1370, 1698, 3118]],
  ['LegacyDatabaseUnavailable', [1040, 1053, 1080, 1129, 1152, 1159, 1160, 1161, 1203, 1226, 1927, 2002, 2003, 2005]],
  ['LegacyDatabaseUnavailable', [2006, 2012, 2013, 2026, 2055]],
  ['TableMissing', [1146]],
  ['SchemaDrift', [1054]],
];

/** The failure a MySQL error number stands for: a query that failed otherwise is worth another try. */
export function failureOfError(error: number): FailureCode {
  return CODES.find(([, errors]) => errors.includes(error))?.[0] ?? 'LegacyQueryFailed';
}

const ADVICE: Partial<Record<FailureCode, string>> = {
  LegacyDatabaseAccessDenied: 'Check the MySQL user, its password reference, the database name and GRANT SELECT.',
  LegacyDatabaseUnavailable: 'The server is down, restarting or full; it is tried again.',
  TableMissing: "Correct the vehicle's table or disable the vehicle.",
  SchemaDrift: 'A mapped column is gone or was renamed: correct the column mapping of the server.',
};

/** Where the number says more than its failure does. */
const ADVICE_OF_ERROR: Partial<Record<number, string>> = {
  1227: 'The MySQL user lacks a privilege for the whole server; SELECT on the database is all that a sync needs.',
  2026: 'Client and server do not agree on TLS, or the certificate is not trusted: set mysqlTls of the server to off, required or ca:/path of the CA there.',
};

export function databaseFailure(doing: string, error: number): Failure {
  const code = failureOfError(error);
  const advice = ADVICE_OF_ERROR[error] ?? ADVICE[code] ?? 'It is tried again.';
  return new Failure(code, `${doing}: MySQL error ${error}. ${advice}`);
}

/** Error numbers in what the mysql client and mysqldump say; the text around them may quote anything and is not kept. */
export function errorNumbers(stderr: string): number[] {
  const known = /(?:^ERROR |Got error: |Error |errno: )(\d{4})\b|\((\d{4})\)\s*$/gm;
  return [...stderr.matchAll(known)].map((match) => Number(match[1] ?? match[2]));
}
