// The one stream that the page lives on. Says when it is live and how old what it told is.

const kUrl = 'events?rate=200&messages=50';
const kSilentMs = 15000;  // the server says something every 10 s
const kRetryMs = 2000;

export class Stream {
  // `handlers`: event type -> function of its data. `other`: for all other types of `types`.
  constructor(handlers) {
    this.handlers = handlers;
    this.heardAt = Date.now();
    this.connect();
  }

  connect() {
    if (this.source) this.source.close();
    const source = new EventSource(kUrl);
    this.source = source;
    this.openedAt = Date.now();
    for (const [type, take] of Object.entries(this.handlers)) {
      source.addEventListener(type, (event) => {
        this.heardAt = Date.now();
        take(JSON.parse(event.data), type);
      });
    }
    source.addEventListener('error', () => {
      // A refusal (503) is final for an EventSource; a new one may succeed.
      if (source.readyState === EventSource.CLOSED && this.source === source) {
        setTimeout(() => { if (this.source === source) this.connect(); }, kRetryMs);
      }
    });
  }

  get silentMs() { return Date.now() - this.heardAt; }

  get live() {
    return this.source.readyState === EventSource.OPEN && this.silentMs < kSilentMs;
  }

  // Call now and then: a connection that died without a word is opened anew.
  watch() {
    if (this.silentMs >= kSilentMs && Date.now() - this.openedAt >= kSilentMs) this.connect();
  }
}
