import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';

export interface ComposeService {
  image: string;
  build?: string;
  user?: string;
  command?: string[];
  entrypoint?: string[];
  environment?: Record<string, string | number>;
  healthcheck?: { test: string[]; interval: string; timeout: string; retries: number };
  depends_on?: Record<string, { condition: string }>;
  ports?: string[];
  volumes?: string[];
  tmpfs?: string[];
  restart?: string;
  [key: string]: unknown;
}

export const root = checkoutDir();
export const readText = (file: string): string => readFileSync(join(root, file), 'utf8');

/** docker-compose.yml as written, with its anchors merged and its variables not yet filled in. */
export const composeText = readText('docker-compose.yml');
export const compose = parse(composeText, { merge: true }) as {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
};
export const services = Object.entries(compose.services);

/** One-shot services, which others wait for by their success. */
export const isJob = (service: ComposeService): boolean => service.restart?.startsWith('on-failure') ?? false;
/** Services that run our own code. */
export const isOurs = (service: ComposeService): boolean => service.image.startsWith('fleetgraph:');
