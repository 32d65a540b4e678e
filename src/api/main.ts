import { loadConfig } from '../config.ts';
import { createLogger } from '../logger.ts';
import { Stopping } from './core/stopping.ts';
import { createApp } from './create-app.ts';

const config = loadConfig();
const logger = createLogger('fleetgraph-api', config.logLevel);
const app = await createApp(config, logger);

let stopping = false;
const stop = (signal: string): void => {
  if (stopping) return;
  stopping = true;
  logger.info({ signal }, 'stopping: what is being answered is answered');
  // Before the server closes: who waits for work is told where it goes on, and streams end.
  app.get(Stopping).begin();
  void app.close().then(() => {
    if (process.connected) process.disconnect();
  });
};
process.once('SIGTERM', stop).once('SIGINT', stop);
// A program that started this one with a channel to it was killed: its API must not outlive it.
process.once('disconnect', () => stop('disconnect'));

await app.listen(config.api.port, config.api.host);
const url = await app.getUrl();
logger.info({ url }, 'the api listens');
process.send?.({ url });
