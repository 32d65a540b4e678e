// A program of somebody else's, with a stage of its own in the pipeline. Its argument says what becomes of the stage's work.
import { DatabaseConfig, RedisConfig } from '../../dist/package/config.js';
import { getWorkerOrchestrator, initializeWorkers } from '../../dist/package/orchestrator.js';

const ENDS = {
  works: async () => {},
  fails: async () => {
    throw new Error('the printer is on fire');
  },
  'never ends': () => new Promise(() => {}),
};

await initializeWorkers(DatabaseConfig.getPool(), RedisConfig.getClient());
getWorkerOrchestrator().registerWorker('tell-drivers', {
  workerName: 'Drivers',
  version: '2.1.0',
  execute: async () => {
    console.log('begun');
    await ENDS[process.argv[2]]();
    return { message: 'Drivers told', dataProcessed: { added: 3, updated: 0, deleted: 0 } };
  },
});
