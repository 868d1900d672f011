// Small helpers. Text goes in as text, never as markup.

const kSvg = 'http://www.w3.org/2000/svg';

export const byId = (id) => document.getElementById(id);

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(kSvg, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function showFacts(list, facts) {
  list.replaceChildren(...facts.map(([name, value]) => {
    const pair = element('div');
    pair.append(element('dt', name), element('dd', String(value)));
    return pair;
  }));
}

const kSpans = [['d', 86400], ['h', 3600], ['min', 60]];

export function span(seconds) {
  const [unit, length] = kSpans.find(([, one]) => seconds >= 2 * one) || ['s', 1];
  return `${Math.floor(seconds / length)} ${unit}`;
}

// A count, and which part of all that is.
export const share = (part, all) => (part && all ? `${part} (${((100 * part) / all).toPrecision(2)} %)` : String(part));

export const milliseconds = (us) => `${(us / 1000).toFixed(us < 10000 ? 2 : 0)} ms`;
