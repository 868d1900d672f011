// Messages that arrive here, as dots that travel the ring: from where this pod last saw them (or
// from their origin), clockwise, to here. It replays what the trace tells; it does not guess.

import { svg } from './dom.js';

const kDots = 24;
const kLapMs = 1200;
const kLeastMs = 250;

const still = matchMedia('(prefers-reduced-motion: reduce)');

export class Motion {
  constructor(drawing) {
    this.drawing = drawing;
    this.running = [];
    this.frame = null;
  }

  onVisit(line, model, seenBefore) {
    const { drawing } = this;
    if (still.matches || document.hidden || !drawing.model || this.running.length >= kDots) return;
    const { view, address } = model.ring;
    const self = view.indexOf(address);
    const sender = view.indexOf(line.sender_pod_ip);
    let from = sender;
    if (line.hop === 0) from = self;
    else if (seenBefore) from = self;
    else if (line.trace && line.trace.length) {
      const origin = model.indexOfPod(line.trace[0]);
      if (origin >= 0) from = origin;
    }
    if (from < 0 || self < 0) return;
    const share = line.hop === 0 ? 0 : ((self - from + view.length) % view.length || view.length) / view.length;
    const start = drawing.angle(from);
    this.add(line.id, start, start + share * 2 * Math.PI, kLeastMs + share * kLapMs);
  }

  onEnd(line, model) {
    if (still.matches || document.hidden || !this.drawing.model || this.running.length >= kDots) return;
    const at = this.drawing.angle(model.ring.view.indexOf(model.ring.address));
    this.add(line.id, at, at, kLeastMs * 2, 'end');
  }

  add(id, from, to, time, className = '') {
    const dot = svg('circle', { r: 6, class: `dot tone${toneOf(id)} ${className}` });
    this.drawing.dots.append(dot);
    this.running.push({ dot, from, to, time, start: performance.now(), end: className === 'end' });
    if (this.frame === null) this.frame = requestAnimationFrame((now) => this.step(now));
  }

  step(now) {
    this.running = this.running.filter((one) => {
      const part = Math.min(1, Math.max(0, (now - one.start) / one.time));
      if (part === 1) {
        one.dot.remove();
        return false;
      }
      const [x, y] = this.drawing.place(one.from + (one.to - one.from) * part);
      one.dot.setAttribute('cx', x);
      one.dot.setAttribute('cy', y);
      if (one.end) one.dot.setAttribute('r', 6 + 16 * part);
      return true;
    });
    this.frame = this.running.length ? requestAnimationFrame((next) => this.step(next)) : null;
  }
}

function toneOf(id) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 997;
  return sum % 6;
}
