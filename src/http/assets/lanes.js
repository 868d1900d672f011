// What the lanes of a link have measured: which lane loses, and a table of all figures.

import { element, milliseconds, share } from './dom.js';

// As the alert PodringLaneLossy has it; a handful says nothing.
const kLossy = 0.02;
const kLostLeast = 5;
const kNames = { zmq: 'ZeroMQ', udp: 'UDP' };
const kHead = ['Lane', 'Carries', 'Round trip', 'Jitter', 'Sent', 'Lost', 'Received', 'Missing', 'Largest packet'];

// The lane of the pod's link to its successor that lost the largest share of what it sent in the
// last minute, as the pod told; null: none lost much.
export function lossOf(pod) {
  const status = pod.status?.details && pod.state !== 'suspected' && pod.state !== 'stale' ? pod.status : {};
  const losses = ['zmq', 'udp'].map((name) => [name, status[`${name}_to`]])
    .filter(([, lane]) => lane && lane.lost >= kLostLeast && lane.lost > kLossy * lane.sent)
    .map(([name, lane]) => ({ name: kNames[name], part: lane.lost / lane.sent }))
    .sort((a, b) => b.part - a.part);
  return losses[0] || null;
}

export const percent = (part) => `${part < 0.1 ? (100 * part).toFixed(1) : Math.round(100 * part)} %`;

// Tables for a pod's details: its link to the next one, as it told; and, when this page's pod is at
// one of its ends, what that has measured in both directions.
export function laneTables(pod, model) {
  const name = model.nameOf(pod.address);
  const self = model.nameOf(model.ring.address);
  const told = pod.status?.details ? pod.status : {};
  const target = model.targetOf(pod);
  return [
    table(`${name} to ${target ? model.nameOf(target) : 'nobody'}, in the last minute`, lanesOf(told, 'to', '')),
    table(`Between ${self} and ${name}, since their link began`, [
      ...lanesOf(pod, 'to', ` to ${name}`), ...lanesOf(pod, 'from', ` from ${name}`)]),
  ].filter(Boolean);
}

function lanesOf(told, direction, suffix) {
  const udp = told[`udp_${direction}`];
  return ['zmq', 'udp'].map((name) => [name, told[`${name}_${direction}`]]).filter(([, lane]) => lane)
    .map(([name, lane]) => ({ ...lane, name: `${kNames[name]}${suffix}`, carries: carried(name, lane, udp) }));
}

function carried(name, lane, udp) {
  if (lane.state === 'failed') return '\u26a0 nothing: does not get through';
  if (lane.state !== 'open') return 'nothing yet';
  if (name === 'udp') return 'small frames';
  return udp && udp.state === 'open' ? 'large frames' : 'all frames';
}

function table(caption, lanes) {
  if (!lanes.length) return null;
  // Columns that no lane of this table has anything in are left out.
  const rows = lanes.map((lane) => [
    lane.name, lane.carries, lane.round_trip_us == null ? '' : milliseconds(lane.round_trip_us),
    lane.jitter_us == null ? '' : `\u00b1 ${milliseconds(lane.jitter_us)}`, lane.sent, share(lane.lost, lane.sent),
    lane.received ?? '', lane.missing == null ? '' : share(lane.missing, lane.received + lane.missing),
    `${lane.path_mtu} bytes`]);
  const shown = kHead.map((_, column) => rows.some((row) => row[column] !== ''));
  const line = (kind, cells, className) => {
    const row = element('tr');
    row.append(...cells.map((text, column) => [text, column]).filter(([, column]) => shown[column])
      .map(([text, column]) => element(kind, text, column > 1 ? className : '')));
    return row;
  };
  const made = element('table', undefined, 'lanes');
  const head = element('thead');
  head.append(line('th', kHead, 'number'));
  const body = element('tbody');
  body.append(...rows.map((row) => line('td', row, 'number')));
  made.append(element('caption', caption), head, body);
  const box = element('div', undefined, 'scroll');
  box.append(made);
  return box;
}
