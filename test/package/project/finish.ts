import { DatabaseConfig, RedisConfig } from 'fleetgraph/config';
import { closeWorkers } from 'fleetgraph/orchestrator';

await closeWorkers();
await DatabaseConfig.getPool().end();
RedisConfig.getClient().disconnect();
