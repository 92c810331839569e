import type { NodeEvent } from '../node/node-event.ts';

/** What the operator of a node should know. */
export interface NodeNews {
  readonly level: 'info' | 'warning' | 'error';
  readonly kind: string;
  /** One sentence. */
  readonly text: string;
}

type ProfileEvent = Extract<NodeEvent, { type: 'profile' }>;

/** The sentence about what the registry made of this node's name, groups and id; undefined for other events. */
export function newsOf(event: NodeEvent): NodeNews | undefined {
  switch (event.type) {
    case 'profile':
      return profileNews(event);
    case 'id-lost':
      return {
        level: 'error',
        kind: 'node.id_lost',
        text:
          event.to === 'nobody'
            ? `The registry no longer knows node ${event.nodeId}, which is this one; it registers again`
            : `The registry counts node ${event.nodeId}, which was this one, for another key; this node registers again`,
      };
    case 'id-changed':
      return {
        level: 'error',
        kind: 'node.id_changed',
        text: `This node is ${event.nodeId} now and no longer ${event.before}: its address is ${event.address}`,
      };
    default:
      return undefined;
  }
}

const SUBJECTS: Readonly<Record<ProfileEvent['what'], (value: string) => string>> = {
  hostname: (value) => `the name "${value}"`,
  tags: (value) => `the tags ${value}`,
  visibility: (value) => `that this node is ${value}`,
  membership: (value) => `this node in group ${value}`,
};

function profileNews({ what, value, refused }: ProfileEvent): NodeNews {
  const subject = SUBJECTS[what](value);
  return refused === undefined
    ? { level: 'info', kind: `${what}.taken`, text: `The registry takes ${subject} after all` }
    : { level: 'warning', kind: `${what}.refused`, text: `The registry does not take ${subject}: ${refused.reason}` };
}
