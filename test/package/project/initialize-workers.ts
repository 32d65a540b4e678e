import { initializeWorkers } from 'fleetgraph/orchestrator';
import { DatabaseConfig } from 'fleetgraph/config';
import { RedisConfig } from 'fleetgraph/config';

// In startup
const pool = DatabaseConfig.getPool();
const redis = RedisConfig.getClient();

await initializeWorkers(pool, redis);
