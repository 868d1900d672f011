// The tables: all peers, the latest messages, what happened.

import { byId, element, milliseconds, share, span } from './dom.js';
import { percent } from './lanes.js';

const kShown = 50;
const kStateClass = { up: 'good', suspected: 'bad', leaving: 'warn', connecting: 'warn', stale: 'warn' };
const kEndClass = { completed: 'good', safe: 'good', expired: 'bad' };

// Of hundreds of pods only the cells that say something else are touched: a new table is half a
// second of work.
export function showPeers(model) {
  const body = byId('peers');
  const { view } = model.ring;
  while (body.rows.length > view.length) body.deleteRow(-1);
  view.forEach((address, index) => {
    const pod = model.peer(address);
    const row = body.rows[index] || body.insertRow();
    const className = pod.self ? 'self' : '';
    if (row.className !== className) row.className = className;
    cellsOf(pod, index, model).forEach(([text, kind], column) => {
      const cell = row.cells[column] || row.insertCell();
      if (cell.textContent !== String(text)) cell.textContent = text;
      if (cell.className !== (kind || '')) cell.className = kind || '';
    });
  });
}

function cellsOf(pod, index, model) {
  const { ring } = model;
  const roles = [];
  if (pod.self) roles.push('this pod');
  if (pod.address === ring.successor) roles.push('successor');
  if (pod.address === ring.predecessor) roles.push('predecessor');
  return [[index + 1, 'number'], [pod.address], [pod.pod], [pod.node],
    [pod.status?.details ? span(pod.status.uptime_s) : '', 'number'], [roles.join(', ')],
    [pod.state, kStateClass[pod.state]], ...toldCells(pod, model)];
}

function toldCells(pod, model) {
  const { status } = pod;
  const target = model.targetOf(pod);
  const figures = status && status.details ? [
    status.round_trip_us == null ? '' : milliseconds(status.round_trip_us), status.handed_on, sentAgain(status),
    lost(status), status.queue, status.held, `${span(model.figuresAgeOf(status) / 1000)} ago`]
    : ['', '', '', '', '', '', status ? `${span(model.ageOf(status) / 1000)} ago` : 'never'];
  return [[target ? model.nameOf(target) : ''], ...figures.map((text) => [text, 'number'])];
}

// Hand-overs of the last minute that went out again, and their share.
export const sentAgain = ({ retries, handed_on: handedOn }) => share(retries, handedOn);

// What each lane to the next pod lost of what it sent in the last minute.
const lost = (status) => [['zmq_to', 'ZeroMQ'], ['udp_to', 'UDP']].filter(([key]) => status[key]?.sent)
  .map(([key, name]) => `${name} ${percent(status[key].lost / status[key].sent)}`).join(', ');

// `open`: shows the trace of an id.
export function showMessages(model, open) {
  const focused = document.activeElement && document.activeElement.dataset.id;
  const latest = [...model.messages.values()].reverse().slice(0, kShown);
  byId('messages').replaceChildren(...latest.map((message) => {
    const row = element('tr');
    const button = element('button', message.id, 'id');
    button.dataset.id = message.id;
    button.title = 'open the trace';
    button.addEventListener('click', () => open(message.id));
    const first = element('td');
    first.append(button);
    row.append(
      first, element('td', message.message || '', 'text'),
      element('td', message.state, kEndClass[message.state]),
      element('td', message.hop ?? '', 'number'), element('td', message.lap ?? '', 'number'),
      element('td', message.visits, 'number'), element('td', shortTrace(message), 'text'),
      element('td', (message.last || '').slice(11, 23)));
    return row;
  }));
  if (focused) {
    const again = document.querySelector(`button[data-id="${CSS.escape(focused)}"]`);
    if (again) again.focus();
  }
}

function shortTrace(message) {
  const { trace } = message;
  const arrow = ' \u2192 ';
  if (trace.length <= 10) return trace.join(arrow);
  return `${trace.slice(0, 4).join(arrow)}${arrow}\u2026${arrow}${trace.slice(-4).join(arrow)}`;
}

// What comes at once was a moment on its way.
const kOldMs = 3000;

const kTelling = {
  view: (line) => `view: ${line.size} pods`
    + (line.added.length ? `, added ${listed(line.added)}` : '')
    + (line.removed.length ? `, removed ${listed(line.removed)}` : ''),
  link_up: (line) => `link to ${line.peer_pod} (${line.peer}) is up`,
  link_down: (line) => `link to ${line.peer} is down: ${line.reason}`
    + (line.handed_back ? `, ${line.handed_back} messages handed on elsewhere` : ''),
  lane: (line) => `UDP ${line.outgoing ? 'to' : 'from'} ${line.peer} ${line.open ? 'is used' : 'is not used'}`
    + (line.detail ? `: ${line.detail}` : ''),
  successor: (line) => (line.successor ? `successor is ${line.successor}` : 'no successor'),
  suspicion: (line) => (line.suspected ? `${line.peer} is suspected by ${listed(line.by)}`
    + (line.for_ms >= kOldMs ? `, ${span(line.for_ms / 1000)} before this page connected` : '')
    : `${line.peer} is suspected by nobody any more`),
  peer_health: (line) => `${line.peer} is ${line.state}`,
  detour: (line) => `detour of ${line.id} at hop ${line.hop}, try ${line.try}`,
  dns: (line) => `name service: ${line.outcome} ${line.detail || ''}`,
  shed: (line) => `shed at a bound: ${line.what}, ${line.count} times`,
  lag: (line) => `the loop was ${milliseconds(line.late_us)} late`,
  leaving: () => 'this pod is leaving',
  hello_refused: (line) => `refused ${line.peer_pod} (${line.peer}): ${line.reason}`,
  skipped: (line) => `too much to show: ${line.count} events left out on this page`,
};

export const kNewsTypes = Object.keys(kTelling);

function listed(addresses) {
  return addresses.length > 4
    ? `${addresses.slice(0, 3).join(', ')} and ${addresses.length - 3} more` : addresses.join(', ');
}

const kBad = { link_down: true, shed: true, lag: true, hello_refused: true, leaving: true };

export function showNews(model) {
  if (!model.news.length) {
    byId('news').replaceChildren(element('li', 'nothing since this page connected', 'note'));
    return;
  }
  byId('news').replaceChildren(...model.news.map(({ type, line }) => {
    const bad = kBad[type] || line.state === 'down' || line.suspected || line.outcome === 'unknown'
      || line.open === false;
    const item = element('li', undefined, bad ? 'warn' : '');
    item.append(element('time', (line.ts || '').slice(11, 19)), ` ${bad ? '\u26a0 ' : ''}${kTelling[type](line)}`);
    return item;
  }));
}
