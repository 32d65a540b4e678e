// The page: who is logged in, whether the API answers, and the panels.
import { Api } from './api.js';
import { createAuditPanel } from './audit-panel.js';
import { notify } from './dialogs.js';
import { h, setText } from './dom.js';
import { zone } from './format.js';
import { createFleetPanel } from './fleet-panel.js';
import { createGraphPanel } from './graph-panel.js';
import { watchHealth } from './health.js';
import { createInspectionPanel } from './inspection-panel.js';
import { createKpiPanel } from './kpi-panel.js';
import { createLogin } from './login.js';
import { watchOpenAlerts } from './open-alerts.js';
import { watchPaused } from './paused.js';
import { createPipelinePanel } from './pipeline-panel.js';
import { createQuarantinePanel } from './quarantine-panel.js';
import { createReconciliationPanel } from './reconciliation-panel.js';
import { createRolloutPanel } from './rollout-panel.js';
import { forgetKey, mayActAs, storedKey, temporalLink } from './session.js';
import { createSchedulesPanel } from './schedules-panel.js';
import { createServersPanel } from './servers-panel.js';
import { createSettingsPanel } from './settings-panel.js';
import { createVehiclesPanel } from './vehicles-panel.js';

const RETRY_MS = 1_500;
const content = document.getElementById('content');
const connection = document.getElementById('connection');
const who = document.getElementById('who');
const times = document.getElementById('times');

/** Stops what the page shows, with its requests, before it shows something else. */
let close = () => {};

function showLogin(message = null) {
  close();
  forgetKey();
  who.replaceChildren();
  setText(connection, '');
  setText(times, '');
  const login = createLogin(showDashboard, message);
  content.replaceChildren(login.element);
  login.focus();
}

function showDashboard({ key, temporal }, api) {
  close();
  const context = {
    api,
    temporal: (workflowId, runId) => temporalLink(temporal, workflowId, runId),
    may: (role) => mayActAs(key.role, role),
    notify,
  };
  const vehicles = createVehiclesPanel(context);
  const fleet = createFleetPanel(context, vehicles);
  const adding = context.may('admin') ? [createInspectionPanel(context, vehicles)] : [];
  const truth = [createReconciliationPanel(context), createQuarantinePanel(context)];
  const watched = [fleet, createSchedulesPanel(context), createKpiPanel(context), vehicles];
  const hosts = [createServersPanel(context), createRolloutPanel(context), ...adding];
  const graph = [createPipelinePanel(context), createGraphPanel(context)];
  const office = [createSettingsPanel(context), ...(context.may('admin') ? [createAuditPanel(context)] : [])];
  const panels = [...watched, ...truth, ...hosts, ...graph, ...office];
  const refused = () => showLogin('The key is no longer in force. Log in with another.');
  const lost = () => setText(connection, 'Connection lost, retrying…');
  const back = () => {
    setText(connection, '');
    notify('The connection is back.');
    for (const { kick } of panels) kick();
  };
  for (const [name, listener] of Object.entries({ refused, lost, back })) api.addEventListener(name, listener);
  const watches = [watchHealth(), watchOpenAlerts(context), watchPaused(context)];
  close = () => {
    for (const [name, listener] of Object.entries({ refused, lost, back })) api.removeEventListener(name, listener);
    for (const { stop } of [...panels, ...watches]) stop();
    close = () => {};
  };
  const logOut = h('button', { type: 'button', class: 'button quiet', onclick: () => showLogin() }, 'Log out');
  who.replaceChildren(h('span', { class: 'who-name' }, `${key.name} · ${key.role}`), logOut);
  content.replaceChildren(...panels.map(({ element }) => element));
  setText(times, `Times are those of ${zone(api.now())}.`);
  content.focus({ preventScroll: true });
}

/** Logs in with the key from before a reload. Tries again for as long as the API does not answer. */
async function resume(key) {
  content.replaceChildren(h('p', { class: 'state', 'data-state': 'loading' }, 'Loading…'));
  const api = new Api(key);
  for (;;) {
    try {
      const session = await api.get('/api/v1/session');
      setText(connection, '');
      return showDashboard(session, api);
    } catch (error) {
      if (error.status === 401) return showLogin('The key is no longer in force. Log in with another.');
      setText(connection, error.unreachable ? 'Connection lost, retrying…' : `${error.message} Retrying…`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

const key = storedKey();
if (key === null) showLogin();
else void resume(key);
