import { type AlertSinks, startAlertSinks } from './alert-sinks.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type Pipeline, openPipeline } from './pipeline.ts';

export interface ToldPipeline {
  pipeline: Pipeline;
  /** The admin's webhook and mail server. */
  sinks: AlertSinks;
  /** The worker's way to PostgreSQL; the test has its own. */
  postgres: FaultProxy;
  /** The same to Redis. */
  redis: FaultProxy;
  close(): Promise<void>;
}

/** A pipeline whose admin is told by every channel, with one worker. */
export async function openToldPipeline(): Promise<ToldPipeline> {
  const sinks = await startAlertSinks();
  const pipeline = await openPipeline({
    settings: {
      'alert.webhook': 'env:ALERT_WEBHOOK',
      'alert.email_to': 'admin@example.org',
      'alert.email_from': 'fleetgraph@example.org',
      'alert.smtp_host': '127.0.0.1',
      'alert.smtp_port': sinks.smtpPort,
      'alert.smtp_security': 'none',
      'stages.lost_check_ms': 300,
    },
  });
  const { FLEETGRAPH_POSTGRES_URL: toPostgres, FLEETGRAPH_REDIS_URL: toRedis } = pipeline.environment;
  const [[postgres, postgresUrl], [redis, redisUrl]] = await Promise.all([
    behindProxy(toPostgres!),
    behindProxy(toRedis!),
  ]);
  await pipeline.startWorker({
    env: {
      ALERT_WEBHOOK: sinks.webhookUrl,
      FLEETGRAPH_POSTGRES_URL: postgresUrl,
      FLEETGRAPH_REDIS_URL: redisUrl,
    },
  });
  const close = async (): Promise<void> => {
    await pipeline.close();
    await Promise.all([sinks.close(), postgres.close(), redis.close()]);
  };
  return { pipeline, sinks, postgres, redis, close };
}

async function behindProxy(address: string): Promise<[FaultProxy, string]> {
  const url = new URL(address);
  const proxy = await startFaultProxy({ host: url.hostname, port: Number(url.port) });
  url.host = `${proxy.host}:${proxy.port}`;
  return [proxy, url.href];
}
