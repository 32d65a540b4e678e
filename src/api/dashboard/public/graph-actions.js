// What an operator may do to graphs and datasets. Each act asks for a reason.
import { ask } from './dialogs.js';
import { setText, show } from './dom.js';
import { reasonField } from './fields.js';
import { actButton } from './panel.js';

const PATH = '/api/v1/graph';

/** The buttons that the key's role may use; a viewer gets none. `setLive` says which graph readers get. */
export function createGraphActions(context, changed) {
  if (!context.may('operator')) return { elements: [], setLive() {}, activate: () => null, decide: () => [] };
  const act = (path, said) => async (values) => {
    const answer = await context.api.send('POST', `${PATH}/${path}`, values);
    context.notify(said(answer));
    changed();
  };
  const rollback = createRollback(act);
  return {
    elements: [rollback.element],
    setLive: rollback.setLive,
    activate: (version) => activateButton(act, version),
    decide: ({ version }) => [approveButton(act, version), rejectButton(act, version)],
  };
}

const numberOf = (version) => Number(version.replace('graph-v', ''));
const switched = ({ to }) => `Readers get ${to} now.`;

/** The button returns to the graph before the live one. After a rollback, it returns to the graph that was left. */
function createRollback(act) {
  let leaving = null;
  let before = null;
  let isBack = false;
  const ahead = { title: () => `Send readers to ${before} again?`, lead: null, confirm: 'Undo the rollback' };
  const back = {
    title: () => `Send readers back to ${before}?`,
    lead: 'The pipeline does not build the one that is left again until its data changes.',
    confirm: 'Roll back',
  };
  const element = actButton('rollback', 'Roll back…', () => {
    const { title, lead, confirm } = isBack ? ahead : back;
    // What the dialog names is what is switched, whatever becomes live while it is open.
    const from = leaving;
    ask({
      title: title(),
      lead,
      fields: [reasonField(true)],
      confirm,
      danger: !isBack,
      submit: (values) => act('rollback', switched)({ ...values, from }),
    });
  });
  show(element, false);
  return {
    element,
    setLive(live) {
      leaving = live?.version ?? null;
      before = live?.previousVersion ?? null;
      isBack = before !== null && numberOf(before) > numberOf(live.version);
      setText(element, isBack ? 'Undo the rollback…' : 'Roll back…');
      show(element, before !== null);
    },
  };
}

const activateButton = (act, version) =>
  actButton(
    'activate',
    'Activate…',
    () =>
      ask({
        title: `Send readers to ${version}?`,
        fields: [reasonField(true)],
        confirm: 'Activate',
        submit: act(`versions/${version}/activate`, switched),
      }),
    { kind: 'small', name: `Activate ${version}` },
  );

const approveButton = (act, version) =>
  actButton(
    'approve',
    'Approve…',
    () =>
      ask({
        title: `Approve dataset ${version}?`,
        lead: 'The next sync takes this content.',
        fields: [reasonField(true)],
        confirm: 'Approve',
        submit: act(`datasets/${version}/approve`, () => `Dataset ${version} is approved.`),
      }),
    { kind: 'small', name: `Approve dataset ${version}` },
  );

const rejectButton = (act, version) =>
  actButton(
    'reject',
    'Reject…',
    () =>
      ask({
        title: `Reject dataset ${version}?`,
        lead: 'This content is never taken; a sync that finds it again skips it.',
        fields: [reasonField(true)],
        confirm: 'Reject',
        danger: true,
        submit: act(`datasets/${version}/reject`, () => `Dataset ${version} is rejected.`),
      }),
    { kind: 'small', name: `Reject dataset ${version}` },
  );
