import { type LogLevel, type LogMetadata, Runtime } from '@temporalio/worker';
import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';

const PINO_LEVEL = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const satisfies Record<LogLevel, string>;

/** To be called once per process: sends Temporal's log lines to our logger, and leaves signals to us. */
export function installRuntime(config: Config, logger: Logger): void {
  const log = (level: LogLevel, message: string, { error, ...meta }: LogMetadata = {}): void =>
    // By this name, pino prints its message and stack.
    logger[PINO_LEVEL[level]](error === undefined ? meta : { ...meta, err: error }, message);
  Runtime.install({
    shutdownSignals: [],
    logger: {
      log,
      trace: (message, meta) => log('TRACE', message, meta),
      debug: (message, meta) => log('DEBUG', message, meta),
      info: (message, meta) => log('INFO', message, meta),
      warn: (message, meta) => log('WARN', message, meta),
      error: (message, meta) => log('ERROR', message, meta),
    },
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      ...(config.workerMetricsAddress === null
        ? {}
        : { metrics: { prometheus: { bindAddress: config.workerMetricsAddress } } }),
    },
  });
}
