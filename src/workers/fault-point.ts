/** Where a worker can be made to die, for the tests of what a crash leaves. */
export type FaultPoint = (name: string) => void;

/**
 * FLEETGRAPH_FAULT=<point> kills this process, as kill -9 does, when it reaches that point; <point>:<n> when it reaches it for the nth time.
 * In operation the variable is unset, and the points do nothing.
 */
export function createFaultPoint(fault: string | null): FaultPoint {
  if (fault === null) return () => {};
  const [, point, visit] = /^(.+?)(?::(\d+))?$/.exec(fault) ?? [];
  let left = Number(visit ?? 1);
  return (name) => {
    if (name !== point) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
