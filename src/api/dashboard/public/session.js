// The user's session.

/**
 * The key is kept in the session storage of this tab. It survives a reload and a restart of the API, and closing the tab deletes it. Other
 * tabs, other origins and the disk do not get it, and the page's policy allows no scripts but the API's own.
 */
const PLACE = 'fleetgraph.key';
const ROLES = ['viewer', 'operator', 'admin'];

export const storedKey = () => sessionStorage.getItem(PLACE);
export const keepKey = (key) => sessionStorage.setItem(PLACE, key);
export const forgetKey = () => sessionStorage.removeItem(PLACE);

/** Whether `role` includes the rights of `needed`. */
export const mayActAs = (role, needed) => ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** The address of a workflow in Temporal's Web UI; null where no UI is configured. */
export function temporalLink({ uiUrl, namespace }, workflowId, runId = null) {
  if (uiUrl === null) return null;
  const parts = ['namespaces', namespace, 'workflows', workflowId, ...(runId === null ? [] : [runId])];
  return `${uiUrl.replace(/\/+$/, '')}/${parts.map(encodeURIComponent).join('/')}`;
}
