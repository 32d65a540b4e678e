import { loadConfig } from '../config.ts';
import { openPostgres } from '../connections/postgres.ts';
import { openRedis } from '../connections/redis.ts';
import { openTemporal } from '../connections/temporal.ts';
import { createLogger } from '../logger.ts';
import { createHealthServer } from './health/health-server.ts';

/** For now the API answers for its health only; the endpoints come with it in one framework, behind keys. */
const config = loadConfig();
const logger = createLogger('fleetgraph-api', config.logLevel);
const postgres = openPostgres(config.postgresUrl, {
  max: 2,
  applicationName: 'fleetgraph api',
  connectTimeoutMs: 1_000,
  statementTimeoutMs: 1_000,
});
const redis = openRedis(config.redisUrl);
// Lazy: the api starts, and says so, while Temporal is away.
const temporal = await openTemporal({ lazy: true });

const server = createHealthServer({
  postgres: async () => void (await postgres.query('SELECT 1')),
  redis: async () => void (await redis.ping()),
  temporal: async () => void (await temporal.client.workflowService.getSystemInfo({})),
});
server.listen(config.api.port, config.api.host, () => logger.info(server.address(), 'the api listens'));

const close = async (): Promise<void> => {
  redis.disconnect();
  await Promise.all([postgres.end(), temporal.close()]);
};
const stop = (): void => {
  server.close(() => void close());
  server.closeIdleConnections();
};
process.once('SIGTERM', stop).once('SIGINT', stop);
