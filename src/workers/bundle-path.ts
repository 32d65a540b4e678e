import { fileURLToPath } from 'node:url';

/** Made by the build, so that a worker starts without webpack. */
export const WORKFLOW_BUNDLE = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
