import path from 'node:path';
import {
  allPids,
  commandLineOf,
  environmentOf,
  holdsSocket,
  isRunning,
  isSameProcess,
  programOf,
  sendSignal,
  socketsOnPort,
  waitUntilGone,
  workingDirOf,
} from './processes.ts';
import { canListenOn } from './ports.ts';
import { readRunRecords } from './run-record.ts';

// Other programs are spared: a shell or an editor may have one of our folders as its working directory.
const OUR_PROGRAMS = /^(postgres|initdb|mariadbd|redis-(server|check-rdb)|temporal(-.*)?|sshd(-session|-auth)?)$/;

const POLITE_STOP_MS = 5_000;

async function killAndWait(pids: number[]): Promise<void> {
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  const left = await waitUntilGone(pids, 5_000);
  if (left.length > 0) {
    throw new Error(
      `Cannot end the processes ${left.join(', ')} of an earlier run: they survive SIGKILL. See ps -fp ${left.join(',')}.`,
    );
  }
}

// Finds processes without a run record: the children of a killed PostgreSQL have sessions of their own.
function processesInside(dir: string): number[] {
  return allPids().filter((pid) => {
    if (pid === process.pid || !isRunning(pid) || !OUR_PROGRAMS.test(programOf(pid))) return false;
    const cwd = workingDirOf(pid);
    // sshd changes its working directory to /, so its configuration file identifies it.
    return cwd === dir || cwd?.startsWith(`${dir}/`) === true || commandLineOf(pid).includes(`${dir}/sshd_config`);
  });
}

// Sessions run on after sshd's listener has ended, and their commands after the session. Then only the port that sshd
// puts into each command's environment shows where a command belongs.
function sessionsOfDoor(port: number): number[] {
  const sockets = socketsOnPort(port);
  return allPids().filter((pid) => {
    if (pid === process.pid || !isRunning(pid)) return false;
    const cameInBy = environmentOf(pid).find((variable) => variable.startsWith('SSH_CONNECTION='));
    if (cameInBy?.endsWith(` 127.0.0.1 ${port}`)) return true;
    return programOf(pid).startsWith('sshd') && holdsSocket(pid, sockets);
  });
}

export async function endProcessesInside(dir: string): Promise<void> {
  await killAndWait(processesInside(dir));
}

export async function endSessionsOfDoor(port: number): Promise<void> {
  await killAndWait(sessionsOfDoor(port));
}

// Ends the processes that a killed run left. A pid that belongs to another process today is spared: its start time or
// boot id differs.
export async function sweepSurvivors(stateDir: string, serverDirs: string[]): Promise<number> {
  const records = readRunRecords(stateDir);
  const survivors = records.filter(isSameProcess);
  for (const { pid, stopSignal } of survivors) {
    sendSignal(pid, stopSignal);
    sendSignal(pid, 'SIGCONT');
  }
  const pids = survivors.map((record) => record.pid);
  await killAndWait(await waitUntilGone(pids, POLITE_STOP_MS));
  const strays = [...new Set(serverDirs.flatMap((dir) => processesInside(path.resolve(dir))))];
  await killAndWait(strays);
  const door = records.find((record) => record.name === 'sshd');
  // If another sshd listens on the port today, the sessions are that server's, and stay.
  if (door !== undefined && (await canListenOn(door.port))) await endSessionsOfDoor(door.port);
  return pids.length + strays.length;
}
