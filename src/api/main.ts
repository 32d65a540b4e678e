import { loadConfig } from '../config.ts';
import { onParentGone } from '../connections/parent-process.ts';
import { createLogger } from '../logger.ts';
import { Stopping } from './core/stopping.ts';
import { createApp } from './create-app.ts';

const config = loadConfig();
const logger = createLogger('fleetgraph-api', config.logLevel);
// Before the application exists, there are no requests to wait for.
let stop = (_signal: string): void => process.exit(1);
onParentGone(() => stop('disconnect'));
const app = await createApp(config, logger);

let stopping = false;
stop = (signal) => {
  if (stopping) return;
  stopping = true;
  logger.info({ signal }, 'stopping: what is being answered is answered');
  // Before the server closes, streams end and waiting clients are told where their work goes on.
  app.get(Stopping).begin();
  void app.close().then(() => {
    if (process.connected) process.disconnect();
  });
};
process.once('SIGTERM', stop).once('SIGINT', stop);

await app.listen(config.api.port, config.api.host);
const url = await app.getUrl();
logger.info({ url }, 'the api listens');
process.send?.({ url });
