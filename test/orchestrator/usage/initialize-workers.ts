import { initializeWorkers } from '../../../src/orchestrator/initialize-workers.ts';
import { DatabaseConfig } from './config/database.config.ts';
import { RedisConfig } from './config/redis.config.ts';

// In startup
const pool = DatabaseConfig.getPool();
const redis = RedisConfig.getClient();

await initializeWorkers(pool, redis);
