// How a pod's state looks: a shape and a word each, so that colour alone says nothing.

import { svg } from './dom.js';

export const kStates = {
  up: { word: 'up', draw: (r) => [svg('circle', { r })] },
  suspected: {
    word: 'suspected: does not answer somebody, is passed over',
    draw: (r) => [
      svg('circle', { r: r * 1.25, class: 'back' }),
      svg('path', { d: `M${-r} ${-r}L${r} ${r}M${-r} ${r}L${r} ${-r}`, class: 'stroke' })],
  },
  leaving: {
    word: 'leaving: is shutting down',
    draw: (r) => [svg('rect', {
      x: -r * 0.9, y: -r * 0.9, width: r * 1.8, height: r * 1.8, class: 'hollow',
    })],
  },
  connecting: {
    word: 'connecting',
    draw: (r) => [svg('circle', { r, class: 'hollow' }), svg('circle', { r: r * 0.4 })],
  },
  stale: {
    word: 'stale: has told nothing for a while',
    draw: (r) => [svg('path', {
      d: `M0 ${-r * 1.2}L${r * 1.2} 0L0 ${r * 1.2}L${-r * 1.2} 0Z`, class: 'hollow',
    })],
  },
  listed: {
    word: 'in the view; nothing is known of it',
    draw: (r) => [svg('circle', { r: r * 0.7, class: 'hollow' })],
  },
};

const kWorst = ['suspected', 'leaving', 'stale', 'connecting', 'up', 'listed'];

// Of several pods the state that somebody must see.
export const worstOf = (states) => kWorst.find((state) => states.includes(state)) || 'listed';

export const drawState = (state, r) => (kStates[state] || kStates.listed).draw(r);
