// Bundles the workflows once per build: workers and tests load the file instead of running webpack at each start.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

const dist = join(import.meta.dirname, '../dist');
const quiet = { trace() {}, debug() {}, info() {}, log() {}, warn: console.warn, error: console.error };

async function bundle(name, options) {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(dist, 'workflows/index.js'),
    logger: quiet,
    ...options,
  });
  await writeFile(join(dist, name), code);
}

await bundle('workflow-bundle-encrypted.js', { failureConverterPath: join(dist, 'connections/failure-converter.js') });
// The last one, because its age tells whether the build is stale.
await bundle('workflow-bundle.js', {});
