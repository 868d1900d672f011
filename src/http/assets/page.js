// The page's whole state comes from one stream, /events: a snapshot, then what happens. Behind an
// ingress a reconnect meets another pod, which starts with a snapshot of its own.
'use strict';

const kShown = 100;       // messages kept and listed
const kSilentMs = 15000;  // the server says something every 10 s

const state = {
  ring: null,
  messages: new Map(),  // by id; the latest news is last
  heardAt: 0,
  source: null,
  dirty: false,
};

const byId = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// --- the stream ---

function connect() {
  if (state.source) state.source.close();
  const source = new EventSource('events');
  state.source = source;
  state.heardAt = Date.now();
  const on = (type, take) => source.addEventListener(type, (event) => {
    state.heardAt = Date.now();
    if (take) take(JSON.parse(event.data));
    state.dirty = true;
  });
  on('snapshot', takeSnapshot);
  on('ring', (ring) => { state.ring = ring; });
  on('received', takeVisit);
  on('safe', (line) => takeEnd(line, 'safe'));
  on('completed', (line) => takeEnd(line, 'completed'));
  on('expired', (line) => takeEnd(line, 'expired'));
  on('alive');
  source.addEventListener('error', () => {
    state.dirty = true;
    // A refusal (503: too many streams) is final for an EventSource; a new one may succeed.
    if (source.readyState === EventSource.CLOSED && state.source === source) {
      state.source = null;
      setTimeout(connect, 2000);
    }
  });
}

function takeSnapshot(snapshot) {
  state.ring = snapshot.ring;
  state.messages.clear();
  for (const message of snapshot.messages.reverse()) {
    message.trace = message.trace.map((step) => step.pod);
    state.messages.set(message.id, message);
  }
}

function messageOf(line) {
  const known = state.messages.get(line.id) || { id: line.id, state: 'running', visits: 0 };
  state.messages.delete(line.id);
  state.messages.set(line.id, known);
  while (state.messages.size > kShown) {
    state.messages.delete(state.messages.keys().next().value);
  }
  known.last = line.ts;
  return known;
}

function takeVisit(line) {
  const message = messageOf(line);
  message.visits += 1;
  for (const field of ['message', 'hop', 'lap', 'trace', 'trace_omitted', 'detours']) {
    if (line[field] !== undefined) message[field] = line[field];
  }
}

function takeEnd(line, end) {
  const message = messageOf(line);
  if (end !== 'safe' || message.state === 'running') message.state = end;
  if (line.trace) message.trace = line.trace;
}

// --- what is shown ---

function showConnection() {
  const shown = byId('connection');
  const silent = Date.now() - state.heardAt;
  const live = state.source && state.source.readyState === EventSource.OPEN && silent < kSilentMs;
  const pod = state.ring ? ` from ${state.ring.pod} (${state.ring.address})` : '';
  const text = live ? `live${pod}`
    : `not connected; what is shown${pod} is ${Math.round(silent / 1000)} s old`;
  if (shown.textContent !== text) shown.textContent = text;
  shown.className = live ? 'good' : 'bad';
  if (silent > kSilentMs && state.source && state.source.readyState === EventSource.OPEN) connect();
}

function showFacts(ring) {
  const dns = ring.dns;
  const facts = [
    ['ring', ring.ring], ['peers', ring.view.length], ['digest', ring.digest],
    ['names', dns.mode === 'fixed' ? 'fixed list' : `${dns.outcome} ${dns.detail}`.trim()],
    ['queue', `${ring.queue_used} of ${ring.queue_max}`], ['held', ring.held],
  ];
  if (dns.answer_age_ms !== null) {
    facts.push(['answer', `${(dns.answer_age_ms / 1000).toFixed(1)} s old`]);
  }
  if (ring.leaving) facts.push(['this pod', 'leaving']);
  byId('facts').replaceChildren(...facts.map(([name, value]) => {
    const pair = element('div');
    pair.append(element('dt', name), element('dd', String(value)));
    return pair;
  }));
}

const kStateClass = { up: 'good', suspected: 'bad', leaving: 'warn', connecting: 'warn' };

function showRing(ring) {
  const peers = new Map(ring.peers.map((peer) => [peer.address, peer]));
  const rows = ring.view.map((address, index) => {
    const self = address === ring.address;
    const peer = peers.get(address) || {};
    const roles = [];
    if (self) roles.push('this pod');
    if (address === ring.successor) roles.push('successor');
    if (address === ring.predecessor) roles.push('predecessor');
    const row = element('tr', undefined, self ? 'self' : '');
    const stateText = self ? (ring.leaving ? 'leaving' : 'up') : (peer.state || 'listed');
    row.append(
      element('td', index + 1, 'number'), element('td', address),
      element('td', self ? ring.pod : (peer.pod || '')),
      element('td', self ? ring.node : (peer.node || '')), element('td', roles.join(', ')),
      element('td', stateText, kStateClass[stateText]),
      element('td', peer.round_trip_us == null ? '' : `${(peer.round_trip_us / 1000).toFixed(2)} ms`,
        'number'),
      element('td', peer.in_flight === undefined ? '' : `${peer.in_flight} + ${peer.unsafe}`, 'number'),
      element('td', peer.heard_ms_ago == null ? '' : `${peer.heard_ms_ago} ms ago`, 'number'));
    return row;
  });
  byId('ring').replaceChildren(...rows);
}

const kEndClass = { completed: 'good', safe: 'good', expired: 'bad' };

function showMessages() {
  const rows = [...state.messages.values()].reverse().map((message) => {
    const row = element('tr');
    const omitted = message.trace_omitted ? ` (${message.trace_omitted} omitted)` : '';
    row.append(
      element('td', message.id), element('td', message.message || '', 'text'),
      element('td', message.state, kEndClass[message.state]),
      element('td', message.hop ?? '', 'number'), element('td', message.lap ?? '', 'number'),
      element('td', message.visits, 'number'),
      element('td', (message.trace || []).join(' \u2192 ') + omitted, 'text'),
      element('td', (message.last || '').slice(11, 23)));
    return row;
  });
  byId('messages').replaceChildren(...rows);
}

function show() {
  showConnection();
  if (!state.dirty) return;
  state.dirty = false;
  if (state.ring) {
    showFacts(state.ring);
    showRing(state.ring);
  }
  showMessages();
}

// --- seeding ---

// What is no number is sent as it was typed: the server says what is wrong with it.
const numberOr = (text) => (/^-?\d+$/.test(text) ? Number(text) : text);

async function seed(event) {
  event.preventDefault();
  const form = event.target;
  const answer = byId('answer');
  const body = { message: form.message.value, wait: form.wait.value };
  if (form.limit.value.trim()) body[form.rule.value] = numberOr(form.limit.value.trim());
  if (form.count.value.trim()) body.count = numberOr(form.count.value.trim());
  answer.className = '';
  answer.textContent = 'sending';
  try {
    const reply = await fetch('messages', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const told = await reply.json();
    answer.className = reply.ok ? 'good' : 'bad';
    answer.textContent = reply.ok
      ? `${told.stage}: ${told.ids.length === 1 ? told.ids[0] : `${told.ids.length} messages`}`
      : `${reply.status} ${told.error}: ${told.detail}`;
  } catch (wrong) {
    answer.className = 'bad';
    answer.textContent = `no answer: ${wrong.message}`;
  }
}

byId('seed').addEventListener('submit', seed);
connect();
show();
setInterval(show, 250);
