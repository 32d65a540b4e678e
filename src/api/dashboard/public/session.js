// Who is logged in.

/**
 * The key is kept in this tab's session storage: a reload and a restart of the API are survived, and closing the tab ends it. Other tabs,
 * other origins and the disk do not get it, and the page's policy runs no script but the API's own.
 */
const PLACE = 'fleetgraph.key';
const ROLES = ['viewer', 'operator', 'admin'];

export const storedKey = () => sessionStorage.getItem(PLACE);
export const keepKey = (key) => sessionStorage.setItem(PLACE, key);
export const forgetKey = () => sessionStorage.removeItem(PLACE);

/** Whether a role may do what needs another. */
export const mayActAs = (role, needed) => ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** Address of a workflow in Temporal's Web UI; null where none is configured. */
export function temporalLink({ uiUrl, namespace }, workflowId, runId = null) {
  if (uiUrl === null) return null;
  const parts = ['namespaces', namespace, 'workflows', workflowId, ...(runId === null ? [] : [runId])];
  return `${uiUrl.replace(/\/+$/, '')}/${parts.map(encodeURIComponent).join('/')}`;
}
