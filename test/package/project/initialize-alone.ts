import { DatabaseConfig, RedisConfig } from 'fleetgraph/config';
import { initializeWorkers } from 'fleetgraph/orchestrator';

await initializeWorkers(DatabaseConfig.getPool(), RedisConfig.getClient(), { startWorker: true });
