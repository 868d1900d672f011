// The ring, drawn in its sorted order, clockwise from the top. Up to kSingle pods each is a mark of
// its own; beyond that neighbours share one, which shows the worst state among them.

import { element, milliseconds, showFacts, span, svg } from './dom.js';
import { laneTables, lossOf, percent } from './lanes.js';
import { drawState, kStates, worstOf } from './states.js';
import { sentAgain } from './tables.js';

const kLabelled = 16;   // beside the mark
const kRadial = 60;     // turned, outside the mark
const kSingle = 120;
const kHeightMax = 600;
const kShared = 90;     // marks of a ring that is larger
// Pixels that a letter takes at most, on average, at the sizes of page.css.
const kNameWidth = 8.2;
const kUnderWidth = 7;
const kSmallWidth = 6.8;

export const kLinks = [
  ['', 'hands to the next'], ['own', 'the link of the pod that serves this page'],
  ['again', 'something was sent again in the last minute'], ['lossy', 'loses more than 2 % of its packets'],
  ['past', 'passes over somebody'],
];

export class RingDrawing {
  constructor(box, details) {
    this.box = box;
    this.details = details;
    this.focused = 0;
    this.chosen = null;  // address
    this.key = '';
    this.dots = svg('g', { class: 'dots' });
    new ResizeObserver(() => { if (this.model) this.show(this.model, true); }).observe(box);
  }

  angle(index) { return (index / this.model.ring.view.length) * 2 * Math.PI - Math.PI / 2; }

  place(angle, radius = this.radius) {
    return [this.middleX + radius * Math.cos(angle), this.middleY + radius * Math.sin(angle)];
  }

  show(model, force) {
    this.model = model;
    const { ring } = model;
    const pods = ring.view.map((address) => model.peer(address));
    const key = JSON.stringify([ring.successor, ring.predecessor,
      pods.map((pod) => [pod.address, pod.state, pod.pod, pod.node, model.targetOf(pod), isSentAgain(pod), lossOf(pod)])]);
    if (key !== this.key || force) {
      this.key = key;
      this.draw(pods);
    }
    this.showFigures();
    if (this.chosen) this.tell(this.chosen);
  }

  draw(pods) {
    const count = pods.length;
    const width = Math.max(280, this.box.clientWidth || 600);
    // Room beside and above the circle for names.
    const beside = count <= kLabelled ? Math.min(150, width * 0.26)
      : count <= kRadial ? Math.min(112, width * 0.24) : 62;
    this.labelRoom = beside;
    const above = count <= kLabelled ? 54 : beside;
    this.radius = Math.max(50, Math.min(width / 2 - beside, kHeightMax / 2 - above));
    const height = 2 * (this.radius + above);
    this.middleX = width / 2;
    this.middleY = height / 2;
    const hadFocus = this.box.contains(document.activeElement);
    this.groups = this.group(pods);
    this.focused = Math.min(this.focused, this.groups.length - 1);
    const r = Math.max(3.5, Math.min(11, (this.radius * 2.4) / this.groups.length));

    const picture = svg('svg', {
      width, height, viewBox: `0 0 ${width} ${height}`, role: 'group',
      'aria-label': `Ring of ${count} pods in sorted order; arrow keys move from pod to pod`,
    });
    picture.append(svg('circle', {
      cx: this.middleX, cy: this.middleY, r: this.radius, class: 'track',
    }));
    this.drawLinks(picture, pods);
    this.marks = this.groups.map((group, index) => this.drawMark(group, index, r, count));
    picture.append(...this.marks, this.dots, this.drawMiddle(count));
    picture.addEventListener('keydown', (event) => this.onKey(event));
    this.box.replaceChildren(picture);
    if (hadFocus) this.marks[this.focused].focus();
  }

  group(pods) {
    const count = pods.length > kSingle ? kShared : pods.length;
    return Array.from({ length: count }, (_, index) => {
      const first = Math.floor((index * pods.length) / count);
      const end = Math.floor(((index + 1) * pods.length) / count);
      const members = pods.slice(first, end);
      return {
        members,
        at: (first + end - 1) / 2,
        state: worstOf(members.map((pod) => pod.state)),
        self: members.some((pod) => pod.self),
      };
    });
  }

  drawMark(group, index, r, count) {
    const angle = this.angle(group.at);
    const [x, y] = this.place(angle);
    const mark = svg('g', {
      class: `pod ${group.state}${group.self ? ' self' : ''}`,
      transform: `translate(${x} ${y})`, tabindex: index === this.focused ? 0 : -1, role: 'button',
      'aria-label': this.label(group), 'data-address': group.members[0].address,
    });
    if (group.self) mark.append(svg('circle', { r: r + 5, class: 'halo' }));
    mark.append(svg('circle', { r: Math.max(r, 12), class: 'hit' }), ...drawState(group.state, r));
    mark.append(svg('title', {}, this.label(group)));
    const notable = group.self || ['suspected', 'leaving'].includes(group.state);
    if (count <= kLabelled) mark.append(...this.sideLabel(group.members[0], angle, r));
    else if (count <= kRadial || notable) mark.append(this.radialLabel(group, angle, r));
    mark.addEventListener('click', () => this.choose(index));
    return mark;
  }

  label(group) {
    if (group.members.length === 1) {
      const [pod] = group.members;
      const by = pod.suspected_by.map((one) => this.model.nameOf(one)).join(' and ');
      const loss = lossOf(pod);
      return [pod.pod, pod.address, pod.node, pod.self ? 'this pod' : '', pod.state + (by ? ` by ${by}` : ''),
        loss ? `its link loses ${percent(loss.part)} by ${loss.name}` : ''].filter(Boolean).join(', ');
    }
    const { members } = group;
    return `${members.length} pods, ${members[0].address} to ${members[members.length - 1].address}, `
      + `worst state: ${group.state}${group.self ? ', this pod among them' : ''}`;
  }

  sideLabel(pod, angle, r) {
    const right = Math.cos(angle);
    const anchor = Math.abs(right) < 0.3 ? 'middle' : right > 0 ? 'start' : 'end';
    const x = anchor === 'middle' ? 0 : Math.sign(right) * (r + 9);
    const down = Math.sin(angle);
    const y = anchor !== 'middle' ? -1 : down < 0 ? -r - 24 : r + 20;
    // What a side has no room for is told when the pod is chosen.
    const room = anchor === 'middle' ? 2 * this.labelRoom : this.labelRoom - r - 9;
    const under = [pod.pod ? pod.address : '', pod.node].filter(Boolean).join(' \u00b7 ');
    const fits = [under, pod.pod ? pod.address : ''].find((text) => text.length * kUnderWidth <= room);
    return [
      svg('text', { x, y, 'text-anchor': anchor, class: 'name' },
        shorten(pod.pod || pod.address, Math.floor(room / kNameWidth))),
      svg('text', { x, y: y + 15, 'text-anchor': anchor, class: 'under' }, fits || '')];
  }

  radialLabel(group, angle, r) {
    const pod = group.members.find((one) => one.self || one.state === group.state) || group.members[0];
    const left = Math.cos(angle) < 0;
    const degrees = (angle * 180) / Math.PI + (left ? 180 : 0);
    return svg('text', {
      transform: `rotate(${degrees})`, x: (left ? -1 : 1) * (r + 8), dy: '0.35em',
      'text-anchor': left ? 'end' : 'start', class: 'name small',
    }, shorten(pod.pod || pod.address, Math.floor((this.labelRoom - r - 8) / kSmallWidth)));
  }

  // Each pod's link to the one it hands to: along the circle, or inside past whom it passes over.
  drawLinks(picture, pods) {
    const index = new Map(pods.map((pod, at) => [pod.address, at]));
    pods.forEach((pod, from) => {
      if (pods.length > kSingle && !pod.self) return;
      const target = this.model.targetOf(pod);
      const to = index.get(target);
      if (to === undefined || to === from) return;
      const [x1, y1] = this.place(this.angle(from));
      const [x2, y2] = this.place(this.angle(to));
      const past = to !== (from + 1) % pods.length;
      const line = past ? this.around(from, to, pods.length) : `A${this.radius} ${this.radius} 0 0 1 ${x2} ${y2}`;
      const loss = lossOf(pod);
      const kinds = ['link', pod.self ? 'own' : '', isSentAgain(pod) ? 'again' : '', loss ? 'lossy' : '', past ? 'past' : ''];
      picture.append(svg('path', { d: `M${x1} ${y1}${line}`, class: kinds.filter(Boolean).join(' ') },
        svg('title', {}, `${this.model.nameOf(pod.address)} hands to ${this.model.nameOf(target)}${loss
          ? ` and loses ${percent(loss.part)} by ${loss.name}` : ''}`)));
    });
    this.drawLosses(picture, pods);
  }

  // Where a link loses much, a sign inside the circle, with the share where there is room for it.
  drawLosses(picture, pods) {
    pods.forEach((pod, index) => {
      const loss = lossOf(pod);
      if (!loss) return;
      const [x, y] = this.signPlace(pods, index);
      const sign = svg('g', { class: 'loss', transform: `translate(${x} ${y})`, 'aria-hidden': 'true' },
        svg('path', { d: 'M0 -9L9 7H-9Z' }), svg('text', { y: 5, 'text-anchor': 'middle' }, '!'));
      if (pods.length <= kRadial) {
        const [dx, dy] = [-Math.cos(this.angle(index + 0.5)), -Math.sin(this.angle(index + 0.5))];
        sign.append(svg('text', { x: dx * 26, y: dy * 18 + 4, 'text-anchor': 'middle', class: 'share' },
          percent(loss.part)));
      }
      picture.append(sign);
    });
  }

  // Inside the middle of the link.
  signPlace(pods, from) {
    const to = pods.findIndex((pod) => pod.address === this.model.targetOf(pods[from]));
    const steps = (to - from + pods.length) % pods.length;
    if (to < 0 || steps < 2) return this.place(this.angle(from + 0.5), this.radius - 17);
    const ends = [this.place(this.angle(from)), this.place(this.angle(to)), this.bend(from, steps, pods.length)];
    return [0, 1].map((axis) => (ends[0][axis] + ends[1][axis]) / 4 + ends[2][axis] / 2);
  }

  bend(from, steps, count) {
    return this.place(this.angle(from + steps / 2), this.radius * (steps > count / 2 ? 0.3 : 0.72));
  }

  around(from, to, count) {
    const [x, y] = this.bend(from, (to - from + count) % count, count);
    const [x2, y2] = this.place(this.angle(to));
    return `Q${x} ${y} ${x2} ${y2}`;
  }

  drawMiddle(count) {
    this.middle = svg('text', {
      x: this.middleX, y: this.middleY - 4, 'text-anchor': 'middle', class: 'middle',
    });
    this.middleUnder = svg('text', {
      x: this.middleX, y: this.middleY + 18, 'text-anchor': 'middle', class: 'under',
    });
    this.middle.textContent = `${count} ${count === 1 ? 'pod' : 'pods'}`;
    return svg('g', { 'aria-hidden': 'true' }, this.middle, this.middleUnder);
  }

  showFigures() {
    const { ring } = this.model;
    const next = ring.successor && this.model.peer(ring.successor);
    this.middleUnder.textContent = next
      ? `next: ${shorten(next.pod || next.address, 18)}`
        + (next.round_trip_us != null ? `, ${milliseconds(next.round_trip_us)}` : '')
      : ring.view.length > 1 ? 'nobody to hand to' : 'alone';
  }

  onKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const count = this.marks.length;
    let next = this.focused;
    if (step) next = (this.focused + step + count) % count;
    else if (event.key === 'Home') next = 0;
    else if (event.key === 'End') next = count - 1;
    else if (event.key === 'Enter' || event.key === ' ') this.choose(this.focused);
    else return;
    event.preventDefault();
    this.focus(next);
  }

  focus(index) {
    this.marks[this.focused].setAttribute('tabindex', -1);
    this.focused = index;
    this.marks[index].setAttribute('tabindex', 0);
    this.marks[index].focus();
  }

  choose(index) {
    this.focus(index);
    this.chosen = this.groups[index].members[0].address;
    this.tell(this.chosen);
  }

  tell(address) {
    const group = this.groups.find((one) => one.members.some((pod) => pod.address === address));
    if (!group) {
      this.chosen = null;
      this.details.replaceChildren(element('p', `${address} is not in the view any more`));
      return;
    }
    const heading = element('h3', group.members.length === 1
      ? group.members[0].pod || address : this.label(group));
    if (group.members.length > 1) {
      const list = element('ul', undefined, 'members');
      list.append(...group.members.map((pod) => element('li',
        [pod.address, pod.pod, pod.state].filter(Boolean).join(', '))));
      this.details.replaceChildren(heading, list);
      return;
    }
    const facts = element('dl', undefined, 'facts');
    const pod = this.model.peer(address);
    showFacts(facts, factsOf(pod, this.model));
    this.details.replaceChildren(heading, facts, ...laneTables(pod, this.model));
  }
}

const isSentAgain = (pod) => Boolean(pod.status && pod.status.details && pod.status.retries);

function factsOf(pod, model) {
  const { ring } = model;
  const facts = [['address', pod.address], ['node', pod.node || 'unknown'],
    ['state', (kStates[pod.state] || kStates.listed).word]];
  if (pod.self) facts.push(['this page', 'is served by this pod']);
  if (pod.address === ring.successor) facts.push(['role', 'successor']);
  if (pod.address === ring.predecessor) facts.push(['role', 'predecessor']);
  if (pod.suspected_by.length) {
    facts.push(['suspected by', `${pod.suspected_by.map((one) => model.nameOf(one)).join(', ')}, for ${
      span(model.suspectedForOf(pod) / 1000)}`]);
  }
  facts.push(...toldFacts(pod, model));
  if (pod.round_trip_us != null) facts.push(['round trip from here', milliseconds(pod.round_trip_us)]);
  if (pod.heard_ms_ago != null) facts.push(['heard', pod.heard_ms_ago < 10000 ? `${pod.heard_ms_ago} ms ago` : `${span(pod.heard_ms_ago / 1000)} ago`]);
  if (pod.outgoing) facts.push(['in flight', pod.in_flight], ['not safe yet', pod.unsafe]);
  return facts;
}

// What it told of itself.
function toldFacts(pod, model) {
  const { status } = pod;
  if (!status) return [['told', 'nothing yet']];
  const facts = [['told', `${span(model.ageOf(status) / 1000)} ago`]];
  if (!status.details) return facts;
  if (status.details_age_ms > status.age_ms) {
    facts.push(['figures', `${span(model.figuresAgeOf(status) / 1000)} old`]);
  }
  const target = model.targetOf(pod);
  facts.push(['age', span(status.uptime_s)], ['release', status.release], ['hands to', target ? model.nameOf(target) : 'nobody']);
  if (status.round_trip_us != null) facts.push(['its round trip', milliseconds(status.round_trip_us)]);
  facts.push(['handed on in a minute', status.handed_on], ['sent again', sentAgain(status)],
    ['queue', status.queue], ['held', status.held], ['view', `${status.view_size} pods`
      + (status.digest === model.ring.digest ? '' : ', another than here')]);
  return facts;
}

// Keeps the end, where pod names differ.
function shorten(text, length) {
  return text.length <= length ? text : `\u2026${text.slice(text.length - length + 1)}`;
}
