import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { checkoutDir } from './checkout-dir.ts';
import { findOnPath, lastLines } from './run-command.ts';

const PROGRESS_EVERY_MS = 5_000;
const PACKAGE = 'github.com/temporalio/cli';

export async function buildTemporal(version: string, target: string, report: (line: string) => void): Promise<void> {
  const go = findOnPath('go', ['/usr/local/go/bin']);
  if (go === null) {
    throw new Error(
      'Cannot get the Temporal server: no "temporal" on the PATH, no download, and no Go to build it with. ' +
        'Install the Temporal CLI (https://docs.temporal.io/cli), or Go 1.26, or set TEMPORAL_ADDRESS to a server of yours.',
    );
  }
  const startedAt = performance.now();
  const say = () =>
    report(
      `building the Temporal server (first time, about 4 minutes): ${Math.round((performance.now() - startedAt) / 1000)} s`,
    );
  say();
  const timer = setInterval(say, PROGRESS_EVERY_MS);
  // A killed go build leaves its working folder behind, so it gets one that the next build clears.
  const temporaryDir = path.join(path.dirname(target), 'go-build-tmp');
  rmSync(temporaryDir, { recursive: true, force: true });
  mkdirSync(temporaryDir, { recursive: true });
  try {
    await runBuild(go, version, { target, temporaryDir });
  } finally {
    clearInterval(timer);
    rmSync(temporaryDir, { recursive: true, force: true });
  }
}

function runBuild(go: string, version: string, paths: { target: string; temporaryDir: string }): Promise<void> {
  // Without the linker flag the program reports version 0.0.0-DEV.
  const flags = `-s -w -X ${PACKAGE}/internal/temporalcli.Version=${version}`;
  const build = [
    'build',
    '-C',
    path.join(checkoutDir(), 'temporal'),
    '-trimpath',
    '-ldflags',
    flags,
    '-o',
    paths.target,
  ];
  const setpriv = findOnPath('setpriv');
  const command = [go, ...build, `${PACKAGE}/cmd/temporal`];
  // The compiler ends with this process, also after Ctrl-C or kill -9.
  const [binary = go, ...args] = setpriv === null ? command : [setpriv, '--pdeathsig', 'TERM', ...command];
  const child = spawn(binary, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, CGO_ENABLED: '0', GOTMPDIR: paths.temporaryDir },
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = `${errors}${chunk.toString('utf8')}`.slice(-16_384);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(
            `Cannot build the Temporal server ${version} (go build ended with code ${code}):\n${lastLines(errors)}`,
          ),
        );
    });
  });
}
