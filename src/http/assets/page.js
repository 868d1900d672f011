// The page's whole state comes from one stream, /events: a snapshot, then what happens. Behind an
// ingress a reconnect meets another pod, which starts with a snapshot of its own.

import { Charts } from './charts.js';
import { byId, element, showFacts, svg } from './dom.js';
import { Model } from './model.js';
import { Motion } from './motion.js';
import { kLinks, RingDrawing } from './ring.js';
import { startSeeding } from './seed.js';
import { drawState, kStates } from './states.js';
import { Stream } from './stream.js';
import { kNewsTypes, showMessages, showNews, showPeers } from './tables.js';
import { TraceDialog } from './trace.js';

const model = new Model();
const drawing = new RingDrawing(byId('ring-box'), byId('pod'));
const motion = new Motion(drawing);
const charts = new Charts(byId('charts'));
const trace = new TraceDialog(model);
const changed = { ring: false, messages: false, news: false };

const handlers = {
  snapshot: (snapshot) => {
    model.takeSnapshot(snapshot);
    changed.ring = changed.messages = changed.news = true;
  },
  ring: (ring) => {
    model.takeRing(ring);
    changed.ring = changed.news = true;  // suspicions are news
  },
  messages: (told) => {
    model.takeMessages(told);
    changed.messages = changed.ring = true;  // names may have been learned
  },
  received: (line) => {
    const before = model.messages.get(line.id);
    motion.onVisit(line, model, before && before.visits > 0);
    model.takeVisit(line);
    changed.messages = true;
  },
  alive: () => {},
};
for (const state of ['safe', 'completed', 'expired']) {
  handlers[state] = (line) => {
    model.takeState(line, state);
    if (state !== 'safe') motion.onEnd(line, model);
    changed.messages = true;
  };
}
handlers.receipt = (line) => {
  model.takeState(line, line.end);
  changed.messages = true;
};
for (const type of kNewsTypes) {
  handlers[type] = (line) => {
    if (type === 'skipped') {
      model.visits += line.received;
      line.ts = new Date().toISOString();
    }
    model.takeNews(type, line);
    changed.news = true;
  };
}

function showConnection() {
  const shown = byId('connection');
  const pod = model.ring ? ` from ${model.ring.pod} (${model.ring.address})` : '';
  const age = Math.round(stream.silentMs / 1000);
  const text = stream.live ? `\u25cf live${pod}`
    : `\u25cb not connected; ${model.ring ? `what is shown${pod} is ${age} s old` : 'trying'}`;
  if (shown.textContent !== text) shown.textContent = text;
  shown.className = stream.live ? 'good' : 'bad';
  document.body.classList.toggle('stale', !stream.live);
}

function showRingFacts() {
  const { ring } = model;
  const { dns } = ring;
  const facts = [
    ['ring', ring.ring], ['digest', ring.digest],
    ['names', dns.mode === 'fixed' ? 'fixed list' : `${dns.outcome} ${dns.detail}`.trim()],
  ];
  if (dns.answer_age_ms !== null) {
    facts.push(['answer', `${(dns.answer_age_ms / 1000).toFixed(1)} s old`]);
  }
  facts.push(['queue', `${ring.queue_used} of ${ring.queue_max}`], ['held', ring.held]);
  if (ring.leaving) facts.push(['this pod', 'is leaving']);
  showFacts(byId('facts'), facts);
  const troubles = model.troubles();
  const verdict = troubles.length ? `\u26a0 ${troubles.join('; ')}`
    : ring.view.length > 1 ? '\u2713 every pod hands to the next one' : '\u2713 alone in its view';
  const shown = byId('verdict');
  if (shown.textContent !== verdict) shown.textContent = verdict;  // it is read out when it changes
  shown.className = troubles.length ? 'bad' : 'good';
}

function show() {
  stream.watch();
  showConnection();
  if (!model.ring) return;
  if (changed.ring) {
    showRingFacts();
    drawing.show(model);
    if (byId('peers-part').open) showPeers(model);
  }
  if (changed.messages) {
    showMessages(model, (id) => trace.open(id));
    trace.show();
  }
  if (changed.news) showNews(model);
  changed.ring = changed.messages = changed.news = false;
}

function showLegend() {
  byId('legend').append(...Object.entries(kStates).map(([state, { word }]) => {
    const item = element('li');
    const mark = svg('g', { class: `pod ${state}`, transform: 'translate(9 9)' }, ...drawState(state, 6));
    item.append(svg('svg', { width: 18, height: 18, 'aria-hidden': 'true' }, mark), ` ${word}`);
    return item;
  }), ...kLinks.map(([kind, word]) => {
    const item = element('li');
    item.append(svg('svg', { width: 26, height: 18, 'aria-hidden': 'true' },
      svg('path', { d: 'M1 9H25', class: `link ${kind}` })), ` ${word}`);
    return item;
  }));
}

showLegend();
startSeeding();
byId('peers-part').addEventListener('toggle', () => { changed.ring = true; });
const stream = new Stream(handlers);
setInterval(show, 250);
setInterval(() => {
  model.sample(stream.live);
  charts.show(model.samples);
}, 1000);
