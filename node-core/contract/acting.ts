import { oc } from '@orpc/contract';

/** A call by which an operator acts, with the errors that it can end in; the codes of PilotError. */
export const acting = oc.errors({
  'peer.silent': {},
  'peer.unknown': {},
  'dial.timeout': {},
  'dial.refused': {},
  'registry.unavailable': {},
  'registry.refused': {},
  'group.unknown': {},
});
