// Small charts of the last minutes. Each says its latest and largest value in words, too.

import { element, svg } from './dom.js';

const kWidth = 300;
const kHeight = 48;
const kSeconds = 300;

const kCharts = [
  { title: 'visits per second', lines: [['visits', '']], unit: '' },
  { title: 'time per hop', lines: [['hop', '']], unit: ' ms', note: 'mean over a trace' },
  { title: 'round trip to the successor', lines: [['trip', '']], unit: ' ms' },
  { title: 'queue and custody', lines: [['queue', 'queue'], ['held', 'held']], unit: '' },
];

export class Charts {
  constructor(box) {
    this.charts = kCharts.map((chart) => {
      const figure = element('figure');
      const caption = element('figcaption');
      const picture = svg('svg', { viewBox: `0 0 ${kWidth} ${kHeight}`, preserveAspectRatio: 'none', role: 'img' });
      figure.append(caption, picture);
      box.append(figure);
      return { ...chart, caption, picture };
    });
  }

  show(samples) {
    for (const chart of this.charts) {
      const series = chart.lines.map(([field, name]) => ({ field, name, values: samples.map((one) => one[field]) }));
      const all = series.flatMap((one) => one.values).filter((value) => value !== null);
      const largest = all.length ? Math.max(...all) : 0;
      const words = series.map(({ name, values }) => {
        const last = [...values].reverse().find((value) => value !== null);
        return `${name} ${last === undefined ? 'nothing yet' : figure(last) + chart.unit}`.trim();
      }).join(', ');
      const text = `${chart.title}: ${words}` + (all.length ? ` (largest ${figure(largest)}${chart.unit})` : '');
      chart.caption.textContent = text;
      chart.picture.setAttribute('aria-label', text);
      chart.picture.replaceChildren(...series.map(({ values }, index) => svg('path', {
        d: pathOf(values, largest || 1), class: `line line${index}`, 'vector-effect': 'non-scaling-stroke',
      })));
    }
  }
}

const figure = (value) => (Number.isInteger(value) ? String(value) : value.toPrecision(3));

// Seconds without a value are gaps.
function pathOf(values, largest) {
  let path = '';
  let pen = 'M';
  values.forEach((value, index) => {
    if (value === null) {
      pen = 'M';
      return;
    }
    const x = kWidth - ((values.length - 1 - index) * kWidth) / (kSeconds - 1);
    const y = kHeight - 2 - (value / largest) * (kHeight - 6);
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    if (pen === 'M') path += 'h0.01';  // a single value is seen, too
    pen = 'L';
  });
  return path;
}
