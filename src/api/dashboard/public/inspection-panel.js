// Leads from a login to a legacy server whose vehicles are synced: inspect, look, save, add.
import { ApiError } from './api.js';
import { h, setText, show } from './dom.js';
import { createLoginForm } from './inspection-form.js';
import { createReport } from './inspection-report.js';
import { createSaving } from './inspection-saving.js';
import { actButton, createPanel } from './panel.js';

const PATH = '/api/v1/legacy-sync/inspections';
const LOOK_MS = 2_000;
/** A worker gives an inspection up before this. */
const LONGEST_MS = 300_000;

export function createInspectionPanel(context, vehicles) {
  const panel = createPanel('inspection', 'Add a legacy server');
  const stopped = new AbortController();
  const said = h('p', { class: 'hint', role: 'status' });
  const result = h('div', { class: 'inspection-result' });
  const form = createLoginForm((login) => void run(login));
  const inspecting = async (login) => {
    result.replaceChildren();
    setText(said, `Inspecting ${login.host}: this takes some seconds, and changes nothing there.`);
    const inspection = await inspectThere(context.api, login, stopped.signal);
    setText(said, '');
    const saving = createSaving(context, inspection.proposal, vehicles);
    const report = createReport(inspection, {
      accept: () => void run(form.accept(inspection.hostKey)),
      propose: ({ database, table }) => void run({ ...login, database, table }),
    });
    result.replaceChildren(report.element, ...saving);
    report.focus();
  };
  const run = async (login) => {
    form.busy(true);
    try {
      await inspecting(login);
    } catch (error) {
      if (stopped.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      setText(said, '');
      result.replaceChildren(h('p', { class: 'form-error', role: 'alert' }, error.message));
    } finally {
      form.busy(false);
    }
  };

  const open = actButton('add-server', 'Add a server…', () => {
    show(open, false);
    panel.ready();
    form.focus();
  });
  panel.actions.append(open);
  panel.body.append(form.element, said, result);
  panel.empty('A login to its host and to its MySQL is enough: the rest is found out there.');
  return { element: panel.element, kick() {}, stop: () => stopped.abort() };
}

/** A server that is slow to answer is waited for. */
async function inspectThere(api, login, signal) {
  try {
    return (await api.task(PATH, login)).inspection;
  } catch (error) {
    if (!['TemporalUnavailable', 'AlreadyRunning'].includes(error.code)) throw error;
    for (const until = Date.now() + LONGEST_MS; Date.now() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const { running, inspection } = await api.get(`${PATH}/${login.id}`, { signal });
      if (!running && inspection !== null) return inspection;
      if (!running) break;
    }
    throw error;
  }
}
