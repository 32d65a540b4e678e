import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Fields that never reach a log line, wherever they hang. The rule is that nobody puts them there; this is the second lock. */
const SECRET_FIELDS = ['password', 'privateKey', 'passphrase', 'secret', 'token', 'authorization'];

export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    base: { name },
    timestamp: pino.stdTimeFunctions.isoTime,
    // Temporal's SDK names it so: without this its lines say that something failed, and not what.
    serializers: { error: pino.stdSerializers.err },
    redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
  });
}
