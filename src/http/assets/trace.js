// A message's trace as a timeline, in a dialog that follows the message while it is open.

import { byId, element, milliseconds, showFacts } from './dom.js';

const kBarMin = 1;  // percent, so that no step is invisible

export class TraceDialog {
  constructor(model) {
    this.model = model;
    this.id = null;
    this.dialog = byId('trace');
    this.dialog.addEventListener('close', () => { this.id = null; });
  }

  open(id) {
    this.id = id;
    this.show();
    this.dialog.showModal();
  }

  show() {
    if (this.id === null) return;
    const message = this.model.messages.get(this.id);
    if (!message) {
      byId('trace-text').textContent = 'This message is no longer among the latest.';
      return;
    }
    byId('trace-title').textContent = `Trace of ${message.id}`;
    byId('trace-text').textContent = message.message || '';
    const facts = [['state', message.state], ['hop', message.hop ?? '?'], ['lap', message.lap ?? '?'],
      ['visits here', message.visits]];
    if (message.trace_omitted) facts.push(['left out of the trace', message.trace_omitted]);
    if (message.detours && message.detours.length) {
      facts.push(['detours', message.detours.map((one) => `hop ${one.hop}, try ${one.try}`).join('; ')]);
    }
    if (message.since) facts.push(['first heard of here', message.since]);
    showFacts(byId('trace-facts'), facts);
    byId('trace-steps').replaceChildren(...this.steps(message));
  }

  // Entry i is the visit at hop i; what was left out comes after the first entries.
  steps(message) {
    const timed = message.steps && message.steps.length === message.trace.length ? message.steps : null;
    const detours = new Map((message.detours || []).map((one) => [one.hop, one.try]));
    const first = timed && timed.length ? timed[0].at_us : 0;
    const whole = timed && timed.length ? Math.max(1, timed[timed.length - 1].at_us - first) : 1;
    const omitted = message.trace_omitted || 0;
    const kept = omitted ? 16 : message.trace.length;
    return message.trace.map((pod, index) => {
      const hop = index < kept ? index : index + omitted;
      const row = element('li');
      row.append(element('span', String(hop), 'hop'), element('span', pod, 'pod-name'));
      const at = element('span', timed ? timed[index].at.slice(11, 26) : '', 'at');
      const bar = element('span', undefined, 'bar');
      const since = element('span', '', 'since');
      if (timed && index > 0 && index !== kept) {
        const before = timed[index - 1].at_us;
        const took = timed[index].at_us - before;
        since.textContent = `+${milliseconds(took)}`;
        const fill = element('span', undefined, 'fill');
        fill.style.marginLeft = `${Math.max(0, ((before - first) / whole) * 100)}%`;
        fill.style.width = `${Math.max(kBarMin, (took / whole) * 100)}%`;
        bar.append(fill);
      }
      row.append(at, since, bar);
      if (detours.has(hop)) {
        row.append(element('span', `\u2933 detour: try ${detours.get(hop)}`, 'detour'));
      }
      if (index === kept && omitted) row.prepend(element('span', `${omitted} left out`, 'omitted'));
      return row;
    });
  }
}
