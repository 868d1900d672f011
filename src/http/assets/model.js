// What the page knows, fed by the stream alone: a snapshot starts it anew, events change it.

import { lossOf, percent } from './lanes.js';

const kMessagesKept = 100;
const kNewsKept = 60;
const kSamples = 300;  // seconds

export class Model {
  constructor() {
    this.clear();
    this.samples = [];  // one a second, oldest first; survives a reconnect
    this.visits = 0;    // since the last sample
    this.hopTimes = [];
  }

  clear() {
    this.ring = null;
    this.ringAt = 0;
    this.peers = new Map();     // by address, without this pod
    this.messages = new Map();  // by id; the one with the latest news is last
    this.news = [];             // newest first
    this.suspects = new Map();  // address -> who suspects it
    this.names = new Map();     // address -> pod name, from links and from traces
  }

  takeSnapshot(snapshot) {
    const pod = this.ring && this.ring.boot;
    this.clear();
    if (pod && pod !== snapshot.ring.boot) this.samples = [];  // another pod's figures
    this.takeRing(snapshot.ring);
    this.takeMessages(snapshot);
  }

  takeRing(ring) {
    this.ring = ring;
    this.ringAt = Date.now();
    this.peers = new Map(ring.peers.map((peer) => [peer.address, peer]));
    const listed = new Set(ring.view);
    for (const address of this.names.keys()) {
      if (!listed.has(address)) this.names.delete(address);
    }
    this.names.set(ring.address, ring.pod);
    for (const peer of ring.peers) {
      if (peer.pod) this.names.set(peer.address, peer.pod);
    }
    this.takeSuspicions([ring, ...ring.peers]);
  }

  // Who is suspected and was not, oldest first; and who was and is not, if it is still there. After
  // a snapshot all are news, and some of them old.
  takeSuspicions(pods) {
    const before = this.suspects;
    const suspected = pods.filter((pod) => pod.suspected_by.length > 0);
    this.suspects = new Map(suspected.map((pod) => [pod.address, pod.suspected_by]));
    const tell = (address, by, agoMs, fields) => this.takeNews('suspicion', {
      ts: new Date(this.ringAt - agoMs).toISOString(), peer: this.nameOf(address), by: by.map((one) => this.nameOf(one)), ...fields,
    });
    for (const [address, by] of before) {
      if (!this.suspects.has(address) && this.ring.view.includes(address)) tell(address, by, 0, { suspected: false });
    }
    suspected.filter((pod) => !before.has(pod.address))
      .sort((a, b) => b.suspected_for_ms - a.suspected_for_ms)
      .forEach((pod) => tell(pod.address, pod.suspected_by, pod.suspected_for_ms,
        { suspected: true, for_ms: pod.suspected_for_ms }));
  }

  // Whole messages, newest first.
  takeMessages({ messages }) {
    for (const told of [...messages].reverse()) {
      const known = this.touch(told.id);
      Object.assign(known, told, { steps: told.trace, trace: told.trace.map((step) => step.pod) });
      this.learnNames(known.trace);
      const first = told.trace[0];
      const last = told.trace[told.trace.length - 1];
      if (told.trace.length > 1 && !told.trace_omitted) {
        this.hopTimes.push((last.at_us - first.at_us) / (told.trace.length - 1));
      }
    }
  }

  touch(id) {
    const known = this.messages.get(id) || { id, state: 'running', visits: 0, trace: [] };
    this.messages.delete(id);
    this.messages.set(id, known);
    while (this.messages.size > kMessagesKept) {
      this.messages.delete(this.messages.keys().next().value);
    }
    return known;
  }

  takeVisit(line) {
    this.visits += 1;
    const message = this.touch(line.id);
    message.visits += 1;
    message.last = line.ts;
    for (const field of ['message', 'hop', 'lap', 'trace', 'trace_omitted', 'detours']) {
      if (line[field] !== undefined) message[field] = line[field];
    }
    return message;
  }

  takeState(line, state) {
    const message = this.touch(line.id);
    message.last = line.ts;
    // Completed on one branch and expired on another: then it is completed.
    const final = message.state === 'completed' || (message.state === 'expired' && state === 'safe');
    if (!final) message.state = state;
    if (line.trace) message.trace = line.trace;
    return message;
  }

  takeNews(type, line) {
    this.news.unshift({ type, line });
    this.news.length = Math.min(this.news.length, kNewsKept);
  }

  // A trace that passes this pod twice with as many steps between as the ring has peers names all
  // of them, in ring order.
  learnNames(trace) {
    const { ring } = this;
    if (!ring || this.names.size >= ring.view.length) return;
    const size = ring.view.length;
    const self = ring.view.indexOf(ring.address);
    for (let start = trace.indexOf(ring.pod); start >= 0 && start + size < trace.length;
      start = trace.indexOf(ring.pod, start + 1)) {
      if (trace[start + size] !== ring.pod) continue;
      for (let step = 1; step < size; step += 1) {
        const address = ring.view[(self + step) % size];
        if (!this.names.has(address)) this.names.set(address, trace[start + step]);
      }
      return;
    }
  }

  peer(address) {
    const { ring } = this;
    if (address === ring.address) {
      return {
        address, pod: ring.pod, node: ring.node, self: true, status: ring.status,
        suspected_by: ring.suspected_by, suspected_for_ms: ring.suspected_for_ms,
        state: ring.suspected_by.length ? 'suspected' : ring.leaving ? 'leaving' : 'up',
      };
    }
    return this.peers.get(address) || {
      address, pod: this.names.get(address) || '', node: '', state: 'listed', suspected_by: [], status: null,
    };
  }

  nameOf(address) { return this.names.get(address) || address; }

  // Whom a pod hands to, as it told last; what a pod told that is passed over now holds no more.
  targetOf(pod) {
    const { ring } = this;
    if (pod.self) return ring.successor;
    if (pod.state !== 'up' && pod.state !== 'leaving') return null;
    if (pod.status && pod.status.details) return pod.status.successor;
    return pod.address === ring.predecessor ? ring.address : null;
  }

  // Milliseconds since the pod told what is shown of it, and its figures.
  ageOf(status) { return status.age_ms + Date.now() - this.ringAt; }
  figuresAgeOf(status) { return status.details_age_ms + Date.now() - this.ringAt; }

  suspectedForOf(pod) { return pod.suspected_for_ms + Date.now() - this.ringAt; }

  // What keeps the ring from being whole, as short sentences; none: every pod hands to the next.
  troubles() {
    const { ring } = this;
    const pods = ring.view.map((address) => this.peer(address));
    const some = (texts) => texts.slice(0, 3).join(', ') + (texts.length > 3 ? ` and ${texts.length - 3} more` : '');
    const named = (which) => some(which.map((pod) => this.nameOf(pod.address)));
    const troubles = [];
    const lossy = [];
    for (const state of ['suspected', 'leaving', 'stale', 'connecting']) {
      const such = pods.filter((pod) => pod.state === state);
      if (such.length) troubles.push(`${such.length} ${state}: ${named(such)}`);
    }
    const silent = pods.filter((pod) => pod.state === 'listed' || (pod.state === 'up' && !pod.status));
    if (silent.length) troubles.push(`of ${silent.length} nothing is heard: ${named(silent)}`);
    const up = pods.map((pod, index) => ({ pod, next: pods[(index + 1) % pods.length] }))
      .filter(({ pod, next }) => pod.state === 'up' && next.state === 'up' && pod.status && pod.status.details);
    const astray = up.filter(({ pod, next }) => this.targetOf(pod) !== next.address).map(({ pod }) => pod);
    if (astray.length) troubles.push(`${astray.length} not handing to the next: ${named(astray)}`);
    for (const pod of pods) {
      const loss = lossOf(pod);
      if (loss) lossy.push(`${this.nameOf(pod.address)} ${percent(loss.part)} by ${loss.name}`);
    }
    if (lossy.length) troubles.push(`${lossy.length} ${lossy.length > 1 ? 'links lose' : 'link loses'} packets: ${some(lossy)}`);
    const apart = up.map(({ pod }) => pod).filter((pod) => pod.status.digest !== ring.digest);
    if (apart.length) troubles.push(`${apart.length} with another view: ${named(apart)}`);
    return troubles;
  }

  indexOfPod(pod) {
    for (const [address, name] of this.names) {
      if (name === pod) return this.ring.view.indexOf(address);
    }
    return -1;
  }

  // Once a second. `live`: figures that are not heard of are missing, not zero.
  sample(live) {
    const { ring } = this;
    const next = ring && this.peers.get(ring.successor);
    const times = this.hopTimes.sort((a, b) => a - b);
    this.samples.push({
      visits: live ? this.visits : null,
      hop: times.length ? times[Math.floor(times.length / 2)] / 1000 : null,
      trip: live && next && next.round_trip_us != null ? next.round_trip_us / 1000 : null,
      queue: live && ring ? ring.queue_used : null,
      held: live && ring ? ring.held : null,
    });
    this.samples = this.samples.slice(-kSamples);
    this.visits = 0;
    this.hopTimes = [];
  }
}
