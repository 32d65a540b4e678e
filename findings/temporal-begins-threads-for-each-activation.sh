#!/usr/bin/env bash
# @temporalio/worker 1.24.0 on Node.js 20 (Linux): a workflow that wakes up a thousand times begins three thousand operating system threads,
# one after the other, in a worker that has a fixed number of them. Node's vm starts a thread with an event loop of its own for each call that
# has a `timeout`, to be able to end it, and joins it afterwards; the worker gives its limit of five seconds to each of its calls into a workflow,
# and an activation is three. The limit is none of the worker's public options. One such call takes some 50 µs of CPU and, on a busy machine,
# 170 µs of time, where one without a limit takes 2 µs: in the profile of a worker whose activities take 200 ms, these calls were the largest
# single entry.
# Threads are counted by the last field of /proc/loadavg, the newest id of a process or thread on the machine; so the bounds are wide.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @temporalio/worker@1.24.0 @temporalio/workflow@1.24.0
cat >workflows.js <<'JS'
const { sleep } = require('@temporalio/workflow');
exports.calls = async (stops) => {
  for (let stop = 0; stop < stops; stop++) await sleep(1000);
};
JS
cat >count.js <<'JS'
const { readFileSync } = require('node:fs');
const vm = require('node:vm');
const { DefaultLogger, Runtime, Worker } = require('@temporalio/worker');

const newestId = () => Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[4]);
async function begunBy(work) {
  const before = newestId();
  await work();
  return newestId() - before;
}

/** The history of a workflow that slept so often, as a server writes it. */
function history(stops) {
  const events = [];
  const add = (type, attributes) => {
    const camel = type.toLowerCase().replace(/_(.)/g, (_, letter) => letter.toUpperCase());
    events.push({ eventId: String(events.length + 1), eventTime: '2026-01-01T00:00:00Z', eventType: `EVENT_TYPE_${type}`, [`${camel}EventAttributes`]: attributes });
  };
  const task = () => {
    add('WORKFLOW_TASK_SCHEDULED', { taskQueue: { name: 'depot' }, attempt: 1 });
    add('WORKFLOW_TASK_STARTED', { scheduledEventId: String(events.length) });
    add('WORKFLOW_TASK_COMPLETED', { scheduledEventId: String(events.length - 1), startedEventId: String(events.length) });
  };
  const base64 = (text) => Buffer.from(text).toString('base64');
  const runId = '00000000-0000-4000-8000-000000000001';
  add('WORKFLOW_EXECUTION_STARTED', {
    workflowType: { name: 'calls' },
    taskQueue: { name: 'depot' },
    input: { payloads: [{ metadata: { encoding: base64('json/plain') }, data: base64(String(stops)) }] },
    originalExecutionRunId: runId,
    firstExecutionRunId: runId,
    attempt: 1,
    workflowTaskTimeout: '10s',
  });
  task();
  for (let stop = 1; stop <= stops; stop++) {
    add('TIMER_STARTED', { timerId: String(stop), startToFireTimeout: '1s', workflowTaskCompletedEventId: String(events.length) });
    add('TIMER_FIRED', { timerId: String(stop), startedEventId: String(events.length) });
    task();
  }
  add('WORKFLOW_EXECUTION_COMPLETED', { workflowTaskCompletedEventId: String(events.length) });
  return { events };
}

const replay = (stops) => Worker.runReplayHistory({ workflowsPath: require.resolve('./workflows.js') }, history(stops));
const script = new vm.Script('1');
const context = vm.createContext({});
const times = (count, options) => () => {
  for (let call = 0; call < count; call++) script.runInContext(context, options);
};

(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const free = await begunBy(times(1000, {}));
  const limited = await begunBy(times(1000, { timeout: 5000 }));
  const few = await begunBy(() => replay(100));
  const many = await begunBy(() => replay(1100));
  const perActivation = (many - few) / 1000;
  console.log(`Node ${process.version}: threads begun by 1,000 vm calls: ${limited} with a timeout, ${free} without.`);
  console.log(`@temporalio/worker 1.24.0: ${few} for 100 activations, ${many} for 1,100: ${perActivation.toFixed(1)} for each.`);
  process.exit(limited >= 1000 && free < 300 && perActivation > 2.5 && perActivation < 4.5 ? 0 : 1);
})();
JS
node count.js || { echo 'The behaviour has changed (or much else was started on this machine meanwhile).'; exit 1; }
