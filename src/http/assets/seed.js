// The form. What is no number is sent as it was typed: the server says what is wrong with it.

import { byId } from './dom.js';

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

export function startSeeding() {
  byId('seed').addEventListener('submit', seed);
}
