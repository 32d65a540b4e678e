import { fileURLToPath } from 'node:url';
import type { WorkflowBundles } from '../connections/temporal-worker.ts';

const built = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** Made by the build, so that a worker starts without webpack. */
export const WORKFLOW_BUNDLES: WorkflowBundles = {
  clear: built('workflow-bundle.js'),
  encrypted: built('workflow-bundle-encrypted.js'),
};
