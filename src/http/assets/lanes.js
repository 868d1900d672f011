// What the lanes of a link between this page's pod and another one have measured, in words.

import { milliseconds, share } from './dom.js';

const kLanes = [['zmq_to', 'ZeroMQ to it'], ['udp_to', 'UDP to it'], ['zmq_from', 'ZeroMQ from it'], ['udp_from', 'UDP from it']];

// [name, words] of each lane that there is.
export function laneFacts(pod) {
  return kLanes.filter(([key]) => pod[key]).map(([key, name]) => [name, tell(pod[key])]);
}

function tell(lane) {
  const parts = [];
  if (lane.state !== 'open') parts.push(lane.state === 'failed' ? '\u26a0 does not get through' : 'not used yet');
  if (lane.round_trip_us != null) parts.push(`${milliseconds(lane.round_trip_us)} \u00b1 ${milliseconds(lane.jitter_us)}`);
  parts.push(`sent ${lane.sent}, lost ${share(lane.lost, lane.sent)}`);
  if (lane.missing != null) parts.push(`received ${lane.received}, missing ${share(lane.missing, lane.received + lane.missing)}`);
  parts.push(`at most ${lane.path_mtu} bytes`);
  return parts.join('; ');
}
